"""Bytes → rows: what an accountant drops, read exactly or refused with a sentence.

Pure: no database, no Flask, no clock; imports errors, money and names. The door is
:func:`charity.intake.read.read_file`; :mod:`charity.intake.recognise` has what a mapping
screen needs, :mod:`charity.intake.rows` the values that come out.
"""
