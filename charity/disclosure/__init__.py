"""The public read side: what there was, came in, went out and is left, as queries.

Public rows are frozen dataclasses built from a short list of fields; what a giver chose,
and merging of small groups, is applied in the query and nowhere later.
"""
