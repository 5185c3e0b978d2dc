// SPDX-License-Identifier: Apache-2.0
#pragma once

// Finding functions without going through the dlsym that this library itself exports.

namespace melon::shim {

/// A function of the ICD loader: the next one in the global scope, else the one of a loader that
/// the program has opened by itself (whatever its file is called: libOpenCL-<hash>.so).
void* find_in_loader(const char* name);

/// True when the address lies in an ICD loader's file.
bool is_in_loader(const void* address);

}  // namespace melon::shim
