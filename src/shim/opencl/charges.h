// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/opencl/devices.h"

namespace melon::shim {

/// Memory that one object of the program holds, on every granted device of its context.
struct Charge {
  std::uint32_t index;
  std::atomic<std::uint32_t> next;
  std::uint32_t epoch;   // the session that reserved it
  std::uint32_t slices;  // one bit for each device
  std::uint64_t bytes;   // a multiple of the granule
  Charge* chain;         // of a Releasing
};

/// Bytes as they are counted: rounded up to the granule. Saturates.
std::uint64_t rounded(std::uint64_t bytes);

/// Reserves before the driver is called. Null: over the limit of one of the devices; nothing is
/// held then.
Charge* reserve(const ContextRecord& context, std::uint64_t bytes);
/// The driver answered `status` to an allocation that was reserved: true when it says that the
/// device is full and another try may go better. Counts from 0.
bool may_try_again(const Charge& charge, cl_int status, unsigned attempt);

/// Makes a reserved object, if need be again once the device may have room. create(&status)
template <class Create>
auto create_reserved(const Charge& charge, cl_int& status, Create create) {
  auto made = create(&status);
  for (unsigned i = 0; made == nullptr && may_try_again(charge, status, i); ++i)
    made = create(&status);
  return made;
}

/// Gives everything back. Once. Charges of an earlier session are only dropped.
void release(Charge* charge);
/// Changes what a charge holds. False: over the limit; unchanged.
bool settle(Charge* charge, std::uint64_t bytes);

/// For the length of a driver call in which objects of the program may end. The driver tells of an
/// object's end just before it frees the memory; inside this scope the charge is given back after
/// the call, so that no other process takes the memory before it is there.
class Releasing {
 public:
  Releasing();
  ~Releasing();
  Releasing(const Releasing&) = delete;
  Releasing& operator=(const Releasing&) = delete;
};

/// Leaves the charge to the memory object: it is released when the driver really destroys the
/// object, after the last release, deferred use and enqueued command. False: the driver cannot
/// tell; the charge is still the caller's.
bool bind(const Driver& next, cl_mem object, Charge* charge);

}  // namespace melon::shim
