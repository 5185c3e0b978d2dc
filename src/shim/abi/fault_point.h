// SPDX-License-Identifier: Apache-2.0
#pragma once

// Names the instants at which tests kill a process. Nothing in a production build.

#ifdef MELON_FAULT_POINTS
namespace melon::abi {
/// Supplied by the test that is built with fault points.
void fault_point(const char* name);
}  // namespace melon::abi
#define MELON_FAULT_POINT(name) ::melon::abi::fault_point(name)
#else
#define MELON_FAULT_POINT(name) static_cast<void>(0)
#endif
