// SPDX-License-Identifier: Apache-2.0
// Makes flights, a chunk at a time, in memory mapped for them.

#include "shim/core/flight.h"

#include "shim/core/memory.h"

namespace melon::shim {

Flight* FlightPool::take() {
  if (free_ == nullptr) {
    constexpr std::size_t kChunk = 512;
    auto* const chunk = static_cast<Flight*>(map_anonymous(kChunk * sizeof(Flight)));
    if (chunk == nullptr) return nullptr;
    for (std::size_t i = 0; i < kChunk; ++i) give_back(&chunk[i]);
  }
  Flight* const flight = free_;
  free_ = flight->next_free;
  return flight;
}

}  // namespace melon::shim
