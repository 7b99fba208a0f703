// Opens frames of lz4, block by block, straight into the output.
//
// The library's own loop over a frame takes two blocks of the size that the header names, up to 4 MiB, before
// it has seen any; here a block is opened where it belongs, behind its forerunner, and nothing else is taken.
// What is good and what is damaged is as the library has it, but that dictionaries are not known. The format:
// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
#pragma once

#include "wire/opening.h"

namespace fulmar::wire {

// All of `packed` is one frame, else it is damaged.
Outcome open_lz4(Bytes packed, Output& out);

}  // namespace fulmar::wire
