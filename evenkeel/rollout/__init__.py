"""A rollout, written once: what every target with a router goes through to get from one version to the next.

::

              apply          smoke test           steps of the project            all passed
    (begun) ─────────> applying ───────> testing ──────────> stepping ─────────────────────> promoting ──> promoted
                          │ not ready       │ wrong answer     │ a check failed, weights ignored   │
                          └─────────────────┴──────────────────┴──── or asked for by anyone ───────┴──> dropping
                                                                                                           └──> dropped

A driver (``evenkeel.rollout.driver``) knows one kind of place; ``evenkeel.rollout.machine`` decides; the journal lies
with what is served, so that anybody can go on with a rollout whose process was killed.
"""
