"""The one door to Evidently: our verdicts as its metrics, its presets beside them, snapshots and pages of a window."""
