// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace melon::cli {

/// A program as the kernel will find it, and whether libmelon.so can be loaded into it.
struct Program {
  std::string path;
  bool takes_preload = true;  // false: LD_PRELOAD would break it or make it complain
  std::vector<std::string> warnings;
};

/// Looks the program up as execvp() does, with `search_path` for PATH.
/// Errors: kNotFound (exit code 127), kFailedPrecondition (126: a folder, no permission).
Result<std::string> find_program(const std::string& name, const std::string& search_path);

/// Examines the file, and for a script its interpreter, for what a preloaded 64-bit glibc library
/// cannot enter: 32-bit and musl programs, programs linked with a sanitizer. Static and setuid
/// programs get a warning that they can drop the library. A file that cannot be read or is no ELF
/// file passes without a word: the kernel decides.
Program examine_program(const std::string& path, const std::string& search_path);

using Variables = std::map<std::string, std::string>;

/// Lists separated by ':' to which a grant adds at the front: LD_PRELOAD, OPENCL_LAYERS and
/// ASAN_OPTIONS. Its other variables replace.
bool is_joined(const std::string& name);

/// The grant's variables over `base` ("NAME=value"); LD_PRELOAD is left alone for programs that
/// do not take it.
std::vector<std::string> merge_environment(const std::vector<std::string>& base,
                                           const Variables& grant, bool takes_preload);

/// The environment of this process.
std::vector<std::string> own_environment();

}  // namespace melon::cli
