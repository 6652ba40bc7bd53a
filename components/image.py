"""What every box has in common: its image is a parameter of compile and submit, and brings all it imports."""

import functools

from kfp import dsl

IMAGE = "evenkeel-components:python"
"""Stands for the image in the compiled pipeline; submit puts the real one, by digest, in its place."""

step = functools.partial(dsl.component, base_image=IMAGE, install_kfp_package=False)
"""``@step``: a KFP component in the components' image. The body imports its step when it runs."""
