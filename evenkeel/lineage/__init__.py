"""Lineage: where a model, an answer or a data version comes from, and what came of it.

Facts are gathered from where they are kept (registry, bundle, repository, data remote, ledger, targets, the log of
approvals); what none of them knows is told as unknown, with the reason. One story, three forms: text, JSON, a page.
"""
