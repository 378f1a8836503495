"""核对慈善账目的存证，不用联网 / Check a proof of the charity ledger, offline. Needs Python 3.8 only.

    python3 verify.py FILE [KEY]        全部相符返回 0，否则返回 1 / returns 0 when everything fits, else 1

FILE: 一行分录或两个检查点的证明 (.json)，或审计数据包 (.jsonl) / a proof, or an auditors' package.
KEY:  网站或纸上公布的公钥 / the published public key; without it the file's own is used and shown.
"""

import json
import sys
from base64 import b64decode
from hashlib import sha256, sha512

LIMIT = """能发现事后改动，不能证明当初没写错。
This finds changes made afterwards; it does not prove that an entry was right when it was made.\n"""
FIELDS = """date kind summary account amount fund earmark designation project source money_place place party
counterparty_org activity_class cash_flow_item quantity is_retag beneficiary dimensions net_asset_change
links signers attachments place_in_books""".split()
# Ed25519 (RFC 8032): field, order, curve, base point.
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
BASE = 0x216936D3CD6E53FEC0A4E231FDD6DC5C692CC7609525A7B2C9562D608F25D51A, 4 * pow(5, -1, P) % P


def _need(is_true, problem):
    if not is_true:
        raise ValueError(problem)


def _add(a, b):
    k, x = D * a[0] * b[0] * a[1] * b[1], a[0] * b[1] + b[0] * a[1]
    return x * pow(1 + k, -1, P) % P, (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, -1, P) % P


def _times(number, a):
    return _add(_times(number >> 1, _add(a, a)), a if number & 1 else (0, 1)) if number else (0, 1)


def _is_signed(public, message, signature):
    y, sign = int.from_bytes(public, "little") & (1 << 255) - 1, public[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    minus = (x if x & 1 != sign else P - x), y  # the public key's point, turned round
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % ORDER
    x, end = _add(_times(s, BASE), _times(h, minus))
    is_point = y < P and (minus[0] ** 2 - square) % P == 0 and len(signature) == 64 and s < ORDER
    return is_point and signature[:32] == (end | (x & 1) << 255).to_bytes(32, "little")


def read_head(note, key):
    """Check the signature under a checkpoint (C2SP signed note) and return its size and root."""
    name, key_id, raw = key.split("+", 2)
    text, _, tail = note.rpartition("\n\n")
    origin, size, root = text.split("\n")[:3]
    mine = [b64decode(row[2]) for row in map(str.split, tail.splitlines()) if row[:2] == ["\u2014", name]]
    mine = [each[4:] for each in mine if each[:4].hex() == key_id]
    is_valid = any(_is_signed(b64decode(raw)[1:], f"{text}\n".encode(), each) for each in mine)
    _need(is_valid and origin == name, "检查点的签名无效 / the signature of the checkpoint is not valid")
    sys.stdout.write(f"✓ 检查点签名有效，{size} 个叶子 / checkpoint over {size} leaves, signature valid\n")
    return int(size), b64decode(root)


def _node(left, right):
    return sha256(b"\x01" + left + right).digest()


def climb(number, last, path, old, new):
    """Return both roots that a path of RFC 6962 leads to from a leaf or a subtree."""
    for sibling in path:
        _need(last, "证明过长 / the path is too long")
        if number & 1 or number == last:
            old, new = _node(sibling, old), _node(sibling, new)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            new = _node(new, sibling)
        number, last = number >> 1, last >> 1
    _need(not last, "证明过短 / the path is too short")
    return old, new


def read_leaf(data):
    """Check each opened field of a leaf against its commitment and return the leaf's hash."""
    head, *lines = data["leaf"].split("\n")  # the lines of a month end in their commitments
    names = FIELDS if head[:13] == "charity-line/" else [line.rpartition(" ")[0] for line in lines]
    for field, value, salt in data.get("openings", []):
        made, said = sha256(bytes.fromhex(salt) + value.encode()), lines[names.index(field)].split()[-1]
        _need(said == made.hexdigest(), f"公开的内容不符 / it does not fit: {field}")
    return sha256(b"\x00" + data["leaf"].encode()).digest()


def check_proof(data, key):
    """Check that a leaf stands in a signed tree, and what was opened of it."""
    (size, root), index, start = read_head(data["checkpoint"], key), data["index"], read_leaf(data)
    _need(0 <= index < size == data["size"], "超出检查点的范围 / it is beyond the checkpoint")
    _, found = climb(index, size - 1, map(bytes.fromhex, data["path"]), start, start)
    _need(found == root, "这一行不在树里，或已被改动 / the line is not in this tree, or was changed")
    sys.stdout.write(f"✓ 在树里，第 {index} 号 / leaf {index} of the tree: {data['leaf'].splitlines()[0]}\n")
    sys.stdout.writelines(f"  {field} = {value}\n" for field, value, _ in data.get("openings", []))


def check_consistency(data, key):
    """Check that a signed tree begins with an earlier one."""
    (old_size, old_root), (size, root) = read_head(data["old"], data["old_key"]), read_head(data["new"], key)
    _need(0 < old_size <= size, "前一个检查点反而更大 / the earlier checkpoint is larger")
    number, last = (old_size - 1, size - 1) if old_size < size else (0, 0)
    path = [bytes.fromhex(each) for each in data["path"]]
    while number & 1:
        number, last = number >> 1, last >> 1
    start = path.pop(0) if number else old_root
    _need(climb(number, last, path, start, start) == (old_root, root), "历史被改写 / history was rewritten")
    sys.stdout.write(f"✓ 后者完整包含前 {old_size} 个叶子 / it begins with all {old_size} earlier leaves\n")


def check_package(head, rows):
    """Build the whole tree of an auditors' package again, checking every opened field."""
    (size, root), stack, count = read_head(head["checkpoint"], head["key"]), [], 0
    for count, row in enumerate(rows, 1):
        carry, number = read_leaf(json.loads(row)), count - 1
        while number & 1:
            carry, number = _node(stack.pop(), carry), number >> 1
        stack.append(carry)
    while len(stack) > 1:
        stack.append(_node(*[stack.pop(), stack.pop()][::-1]))
    _need(count == size and stack == [root], "数据包与检查点不符 / it does not lead to the checkpoint")
    sys.stdout.write(f"✓ 全部 {count} 个叶子相符 / all {count} leaves fit\n")


def main(arguments):
    """Check the file named on the command line and say what was found."""
    checks = {"charity-proof/v1": check_proof, "charity-consistency/v1": check_consistency}
    try:
        _need(len(arguments) in (2, 3), __doc__)
        with open(arguments[1], encoding="utf-8") as file:
            first = file.readline()
            is_package = '"charity-package/v1"' in first
            data = json.loads(first if is_package else first + file.read())
            _need(arguments[2:] in ([], [data["key"]]), "公钥不是这一把 / it names another key")
            sys.stdout.write(f"公钥 / key: {data['key']}\n")
            check_package(data, file) if is_package else checks[data["form"]](data, data["key"])
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        sys.exit(f"✗ 不通过 / FAILED: {error}\n{LIMIT}")
    sys.stdout.write(LIMIT)


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")
    main(sys.argv)
