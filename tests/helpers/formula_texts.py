"""Formulas of laws as text."""

CHINCHILLA = "E + A/N**alpha + B/D**beta"
KAPLAN = "((Nc/N)**(alpha_N/alpha_D) + Dc/D)**alpha_D"

FORMS = {
    CHINCHILLA: ("E", "A", "B"),
    KAPLAN: (),
    "(Nc/N)**alpha": (),
    "E + (A/N**alpha + B/D**beta)**gamma": ("E",),
    "E + A*B/N**alpha": ("E", "A"),
    "A*(B + F/N)": ("A",),
    "E*exp(-k*log(N)) - B*D": ("E", "B"),
    "E + A/(N + Nc)": ("E", "A"),
    "A/(B*N)": ("A",),
    "-E - A*N": ("E", "A"),
    "logaddexp(A, log(N)) + E": ("E",),
    "(A + B*N)**2 + E": ("E",),
    "E + minimum(A, N)": ("E",),
    "E + A*N where A real": ("E", "A"),
    "f*N + (1 - f)*D": ("f",),
    "f*N + (1 - f)*D where f unit": (),
    "A*B*N where B linear": ("B",),
}
FEW = "E + A/N**alpha"
