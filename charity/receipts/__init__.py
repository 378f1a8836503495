"""Receipts (捐赠确认函) and the register of official invoices (捐赠票据).

An issued receipt is a snapshot with its bytes; it can be voided, never changed. The law's
捐赠票据 comes from the finance bureau's platform: it is registered here, never imitated.
"""
