"""What is minimised: robust losses, priors, and a law seen as a fitting problem.

See `scalejax.objectives.losses` for which loss to take when.
"""

from scalejax.objectives.losses import Kernel as Kernel
from scalejax.objectives.losses import Objective as Objective
from scalejax.objectives.losses import Scale as Scale
from scalejax.objectives.losses import absolute as absolute
from scalejax.objectives.losses import as_huber as as_huber
from scalejax.objectives.losses import custom as custom
from scalejax.objectives.losses import huber as huber
from scalejax.objectives.losses import is_saved as is_saved
from scalejax.objectives.losses import least_squares as least_squares
from scalejax.objectives.losses import named as named
from scalejax.objectives.losses import not_saved as not_saved
from scalejax.objectives.losses import student_t as student_t
from scalejax.objectives.model import Model as Model
from scalejax.objectives.model import Penalty as Penalty
from scalejax.objectives.model import Rows as Rows
from scalejax.objectives.model import Settings as Settings
from scalejax.objectives.model import make_model as make_model
from scalejax.objectives.model import nothing_left as nothing_left
from scalejax.objectives.priors import LogNormal as LogNormal
from scalejax.objectives.priors import Normal as Normal
from scalejax.objectives.priors import Prior as Prior
from scalejax.objectives.priors import prior_of as prior_of
