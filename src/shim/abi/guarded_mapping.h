// SPDX-License-Identifier: Apache-2.0
#pragma once

// For the agent: reading and reaping ledgers whose owners may truncate them at any moment. A page
// that is no longer in the file answers with SIGBUS; the handler installed here puts zeroed memory
// in the region's place and lets the access go on: figures are then wrong, which every function on
// ledgers bears, and the region is known to be lost. Never used in tenants: their signals are
// their own.

#include "shim/abi/files.h"

namespace melon::abi {

/// Makes SIGBUS inside guarded regions harmless, once per process and before the first region;
/// other SIGBUS goes where it went before. 0 or an errno.
int install_bus_guard();

constexpr unsigned kMaxGuarded = 8192;

/// Guards a region from now on, until unguard(). Its number, or -1: kMaxGuarded are in use, or the
/// guard is not installed. Thread-safe.
int guard(const Region& region);
/// Before close_region(). Thread-safe.
void unguard(int number);
/// True once the file lost pages that were touched. The file has to be created anew. Thread-safe.
bool is_lost(int number);

}  // namespace melon::abi
