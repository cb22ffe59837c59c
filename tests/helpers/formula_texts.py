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

PIECES = [
    *"NDCEABabx0123456789.()+-*/,_ ^[]{}<>=!'\"\\#@:;&|~%$\x00\n\té",
    *("**", "alpha", "exp(", "log1p(", "minimum(", "1e9", "1e999", "9**9", "lambda ", " if "),
    *(" where ", " real", " input", " in 0.1:1", " within ", " linear", ", ", "__class__", "f'"),
]
"""Characters and parts of formulas, good and bad, to make hostile ones of."""
