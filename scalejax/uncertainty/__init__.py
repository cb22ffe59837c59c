"""How sure a fitted law is: which parameters the data determine, and how well."""
