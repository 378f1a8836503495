"""The outbox: mail to send and people to phone, written in the transaction of the act.

What was promised to a person is a row, never a call to a server in the middle of an
act. May import ``db``, ``oplog`` and lower; its pages also ``web``. It owns what a
correct mail address and phone number look like.
"""
