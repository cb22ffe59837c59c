"""Studies: many laws as one batch, with one row for each problem and quantity.

- `Study`, `Recipe`, `subset_grid`: what is to be fitted: families x subsets of runs x laws x
  objectives x resamples (`scalejax.studies.study`, `scalejax.studies.subsets`).
- `run_study`: fit all of it, in memory or in a folder from which it can be resumed; `resume_study`
  goes on in such a folder (`scalejax.studies.run`).
- `StudyResult`: the tidy frame and what is made from it (`scalejax.studies.result`).

For one law and a few groups whose fits you want to look at, take `scalejax.fit_many`.
"""

from scalejax.studies.disk import DiskError, disk_trouble
from scalejax.studies.estimate import estimate
from scalejax.studies.files import StudyFile
from scalejax.studies.folder import Folder, JobError
from scalejax.studies.job import Job, prepare
from scalejax.studies.result import RANKS, SEED_FLOOR, StudyResult
from scalejax.studies.run import fits_folder, resume_study, run_study
from scalejax.studies.study import Recipe, Study
from scalejax.studies.subsets import Subset, subset_grid
from scalejax.studies.working import Progress

__all__ = [
    "RANKS",
    "SEED_FLOOR",
    "DiskError",
    "Folder",
    "Job",
    "JobError",
    "Progress",
    "Recipe",
    "Study",
    "StudyFile",
    "StudyResult",
    "Subset",
    "disk_trouble",
    "estimate",
    "fits_folder",
    "prepare",
    "resume_study",
    "run_study",
    "subset_grid",
]
