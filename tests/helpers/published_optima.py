"""Published laws, prices and problems whose optima are known."""

from scalejax.optima import Variable

N = Variable("N", 1e6, 1e15, unit="parameters")
D = Variable("D", 1e7, 1e18, unit="tokens")


def closed_form(law, budget):
    """N and D of the least loss at C = 6ND (Hoffmann et al., eq. 4)."""
    alpha, beta = law["alpha"], law["beta"]
    G = (alpha * law["A"] / (beta * law["B"])) ** (1 / (alpha + beta))
    size = G * (budget / 6) ** (beta / (alpha + beta))
    return size, budget / 6 / size
