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
│   ├── TamperedBundleError a file whose digest is not the manifest's
│   └── SignatureError      a bundle that nobody with a known key has signed
├── GateError               a candidate the gate refused
├── PromotionError          a version that an environment does not take
│   └── ApprovalError       a version that waits for somebody's approval
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
    """A project file that cannot be read, or a value in it.

    Next: the message names the file, the line and the field; ``conf/schema.json`` helps editors.
    """


class SettingsError(EvenkeelError):
    """An ``EVENKEEL_*`` setting that is missing or wrong.

    Next: ``make doctor`` checks them all; docs/settings.md lists them.
    """


class DataError(EvenkeelError):
    """Data that is missing, unreadable or not what its pointer says.

    Next: docs/data.md says how data gets its version and where it is fetched from.
    """


class HashMismatchError(DataError):
    """Bytes that are not the version they claim to be.

    Next: fetch it again; where it stays wrong, somebody changed the remote: make a new version.
    """


class ContractError(DataError):
    """Rows or columns that break the contract.

    Next: the validation report lists each rule with samples; mend the data, or the contract if it is wrong.
    """


class LeakError(DataError):
    """Evaluation rows, or the answer itself, visible to training.

    Next: drop the column, or name it in ``split.leaks.allow`` with a reason.
    """


class ModelError(EvenkeelError):
    """An estimator that cannot be built, fitted or converted.

    Next: the message names the parameter or the step that failed.
    """


class ParityError(ModelError):
    """A portable form that does not answer as scikit-learn does.

    Next: report the estimator: it is not served in a form that answers otherwise than it was judged.
    """


class EncodingError(ModelError):
    """Columns that a fitted encoder cannot read.

    Next: the columns are not those of training; check the caller against the contract.
    """


class BundleError(EvenkeelError):
    """A bundle that is incomplete or of an unknown format.

    Next: fetch it again from the registry; an unknown format needs a newer Evenkeel.
    """


class TamperedBundleError(BundleError):
    """A file whose digest is not the manifest's.

    Next: do not serve it; find out who wrote there, then fetch it again from the registry.
    """


class SignatureError(BundleError):
    """A bundle that nobody with a known key has signed.

    Next: sign where the gate runs (EVENKEEL_SIGNING_KEY), or give the key it was signed with; see docs/supply-chain.md.
    """


class GateError(EvenkeelError):
    """A candidate the gate refused. Nothing was promoted.

    Next: the certificate lists every check with value and threshold; the champion stays as it is.
    """


class PromotionError(EvenkeelError):
    """A version that an environment does not take.

    Next: the message says what the environment asks for and what is missing.
    """


class ApprovalError(PromotionError):
    """A version that waits for somebody's approval.

    Next: ``make approve`` as the message says, then run the same again: nothing is lost.
    """


class RegistryError(EvenkeelError):
    """The model registry, or a race for its champion.

    Next: check address and credentials with ``make doctor``; after a race run again.
    """


class StorageError(EvenkeelError):
    """A file or object that cannot be read or written.

    Next: the message names file or object and what the system said; check rights and free space.
    """


class RequestError(EvenkeelError):
    """A prediction request that breaks the contract at the door.

    Next: the answer lists every problem with row, column and what is allowed.
    """


class RolloutError(EvenkeelError):
    """A target that does not serve what was applied.

    Next: ``make status`` tells what is served; docs/rollouts.md what to do in each state.
    """


class ConflictError(RolloutError):
    """Somebody else changed it since it was read.

    Next: wait for the other one, or repeat: nothing of yours was written.
    """


class WorkloadError(RolloutError):
    """A server that will never become ready, with cause and fix.

    Next: the message has cause and fix; the version before is still served.
    """


class PipelineError(EvenkeelError):
    """A run that failed, was refused or cannot be submitted.

    Next: the message names the box and its log.
    """
