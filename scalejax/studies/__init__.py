"""Studies: many laws as one batch, with one row for each problem and quantity.

- `Study`, `Recipe`, `subset_grid`: what is to be fitted: families x subsets of runs x laws x
  objectives x resamples (`scalejax.studies.study`, `scalejax.studies.subsets`).
- `study`: fit all of it, in memory or in a folder from which it can be resumed; `resume`
  goes on in such a folder (`scalejax.studies.run`).
- `processes`: workers of this machine for ``executor=``; any `concurrent.futures.Executor` does
  (`scalejax.studies.executing`).
- `StudyResult`: the tidy frame and what is made from it (`scalejax.studies.study_result`).

For one law and a few groups whose fits you want to look at, take `scalejax.fit_many`.
"""

from scalejax.studies.disk import DiskError as DiskError
from scalejax.studies.disk import disk_trouble as disk_trouble
from scalejax.studies.estimate import estimate as estimate
from scalejax.studies.executing import FailedShards as FailedShards
from scalejax.studies.executing import Workers as Workers
from scalejax.studies.executing import processes as processes
from scalejax.studies.files import StudyFile as StudyFile
from scalejax.studies.folder import Folder as Folder
from scalejax.studies.folder import JobError as JobError
from scalejax.studies.job import Job as Job
from scalejax.studies.job import prepare as prepare
from scalejax.studies.run import fits_folder as fits_folder
from scalejax.studies.run import resume as resume
from scalejax.studies.run import study as study
from scalejax.studies.study import Recipe as Recipe
from scalejax.studies.study import Study as Study
from scalejax.studies.study_result import RANKS as RANKS
from scalejax.studies.study_result import SEED_FLOOR as SEED_FLOOR
from scalejax.studies.study_result import StudyResult as StudyResult
from scalejax.studies.subsets import Subset as Subset
from scalejax.studies.subsets import subset_grid as subset_grid
from scalejax.studies.working import Progress as Progress
