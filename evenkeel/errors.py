"""Every error a user can meet, as one tree. Each message names the thing, the place and the next step.

EvenkeelError
├── ProjectError            a conf/<name>.yaml that cannot be read, or a value in it
├── SettingsError           an EVENKEEL_* setting
├── DataError               data that is missing, unreadable or not what its pointer says
│   ├── HashMismatchError   bytes that are not the version they claim to be
│   ├── ContractError       rows or columns that break the contract
│   └── LeakError           evaluation rows or the answer itself visible to training
├── ModelError              an estimator that cannot be built, fitted or converted
│   ├── ParityError         a portable form that does not answer as scikit-learn does
│   └── EncodingError       columns that a fitted encoder cannot read
├── BundleError             a bundle that is incomplete or of an unknown format
│   └── TamperedBundleError a file whose digest is not the manifest's
├── GateError               a candidate the gate refused
├── RegistryError           the model registry, or a race for its champion
├── StorageError            a file or object that cannot be read or written
├── RequestError            a prediction request that breaks the contract at the door
├── RolloutError            a target that does not serve what was applied
│   ├── ConflictError       somebody else changed it since it was read
│   └── WorkloadError       a server that will never become ready, with cause and fix
└── PipelineError           a run that failed, was refused or cannot be submitted
"""


class EvenkeelError(Exception):
    """Base of all errors that are for people: the message is enough, no traceback is needed."""


class ProjectError(EvenkeelError):
    """A project file that cannot be read, or a value in it."""


class SettingsError(EvenkeelError):
    """An ``EVENKEEL_*`` setting that is missing or wrong."""


class DataError(EvenkeelError):
    """Data that is missing, unreadable or not what its pointer says."""


class HashMismatchError(DataError):
    """Bytes that are not the version they claim to be."""


class ContractError(DataError):
    """Rows or columns that break the contract."""


class LeakError(DataError):
    """Evaluation rows, or the answer itself, visible to training."""


class ModelError(EvenkeelError):
    """An estimator that cannot be built, fitted or converted."""


class ParityError(ModelError):
    """A portable form that does not answer as scikit-learn does."""


class EncodingError(ModelError):
    """Columns that a fitted encoder cannot read."""


class BundleError(EvenkeelError):
    """A bundle that is incomplete or of an unknown format."""


class TamperedBundleError(BundleError):
    """A file whose digest is not the manifest's."""


class GateError(EvenkeelError):
    """A candidate the gate refused. Nothing was promoted."""


class RegistryError(EvenkeelError):
    """The model registry, or a race for its champion."""


class StorageError(EvenkeelError):
    """A file or object that cannot be read or written."""


class RequestError(EvenkeelError):
    """A prediction request that breaks the contract at the door."""


class RolloutError(EvenkeelError):
    """A target that does not serve what was applied."""


class ConflictError(RolloutError):
    """Somebody else changed it since it was read."""


class WorkloadError(RolloutError):
    """A server that will never become ready, with cause and fix."""


class PipelineError(EvenkeelError):
    """A run that failed, was refused or cannot be submitted."""
