"""Gifts (捐赠): who gave, how much, for what, and how it reaches the books.

Above the ledger and the imports engine. A gift is recorded once, allocated over funds,
drafted by an approved posting rule and posted by people; whether it is in the books is
always asked of the posted lines and never kept a second time.
"""
