// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace melon::cli {

/// What decides whether a preloaded library works in a program.
struct ElfFile {
  bool is_64_bit = true;
  bool is_own_machine = true;  // the same instruction set as this binary
  std::string interpreter;     // the dynamic loader; empty: static
  std::string sanitizer;       // that it is linked with, "AddressSanitizer"; empty: none
};

/// Reads an ELF file's head. Nothing when it cannot be read, is no ELF file or is cut off.
std::optional<ElfFile> read_elf_file(const std::string& path);

}  // namespace melon::cli
