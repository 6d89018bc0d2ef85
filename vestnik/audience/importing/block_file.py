"""A file-like object that fetches only the blocks that are read."""

import io
from abc import abstractmethod
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class BlockFile(io.RawIOBase):
    """A seekable file over a store of blocks of one size.

    The most recently read blocks are cached: a workbook is not read in order.
    """

    def __init__(self, size: int, block_size: int, kept: int = 1) -> None:
        super().__init__()
        self._size, self._block_size, self._most_kept = size, block_size, kept
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    @abstractmethod
    def fetch(self, number: int) -> bytes:
        """Return the block of that number, from 0; the last one may be shorter."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        number, start = divmod(self._at, self._block_size)
        part = self._block(number)[start : start + len(view)] if self._at < self._size else b""
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            self._blocks[number] = self.fetch(number)
            if len(self._blocks) > self._most_kept:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]
