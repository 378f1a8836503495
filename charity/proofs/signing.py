"""Ed25519 signatures under checkpoints. Imports cryptography and the pure rules only."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from charity.proofs.note_rules import Note, NoteSignature, TreeHead, key_id, note_text


def public_key_of(sign_key: bytes) -> bytes:
    """Return the 32 bytes of the public key that belongs to a seed."""
    return Ed25519PrivateKey.from_private_bytes(sign_key).public_key().public_bytes_raw()


def sign(head: TreeHead, sign_key: bytes) -> str:
    """Return the checkpoint of a tree head, signed in the name of its origin.

    Args:
        head: what is signed.
        sign_key: 32-byte seed of the Ed25519 key.
    """
    private = Ed25519PrivateKey.from_private_bytes(sign_key)
    public = private.public_key().public_bytes_raw()
    signature = private.sign(head.text().encode())
    return note_text(head, [NoteSignature(head.origin, key_id(head.origin, public), signature)])


def is_signed_by(note: Note, public_key: bytes) -> bool:
    """Say whether a checkpoint carries a valid signature of a key in its origin's name."""
    wanted = key_id(note.head.origin, public_key)
    for each in note.signatures:
        if each.name == note.head.origin and each.key_id == wanted:
            try:
                Ed25519PublicKey.from_public_bytes(public_key).verify(each.signature, note.text.encode())
            except InvalidSignature:
                return False
            return True
    return False
