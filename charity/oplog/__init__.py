"""The operation log (操作日志): who did what, when, old and new; it only grows.

Any feature records here in the transaction of its act. May import ``db`` and lower;
its pages also ``web``. Source: 财会〔2024〕12号 art. 32.
"""
