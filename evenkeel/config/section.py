"""What every section of a project file has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen part of a project file; a name it does not know is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
