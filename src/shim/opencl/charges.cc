// SPDX-License-Identifier: Apache-2.0
// Memory reserved in the grant for the program's objects.

#include "shim/opencl/charges.h"

#include "shim/opencl/launch.h"

namespace melon::shim {
namespace {

Slab<Charge> g_charges;

void release_slices(std::uint32_t slices, std::uint64_t bytes) {
  Tenant& mine = *tenant();
  for (; slices != 0; slices &= slices - 1)
    mine.release(static_cast<unsigned>(__builtin_ctz(slices)), bytes);
}

bool reserve_slices(std::uint32_t slices, std::uint64_t bytes) {
  Tenant& mine = *tenant();
  for (std::uint32_t rest = slices; rest != 0; rest &= rest - 1) {
    if (mine.reserve(static_cast<unsigned>(__builtin_ctz(rest)), bytes)) continue;
    release_slices(slices & ~rest, bytes);
    return false;
  }
  return true;
}

// Of the Releasing scopes on this thread: how many, and what ended inside them.
__thread unsigned releasing_depth __attribute__((tls_model("initial-exec")));
__thread Charge* ended __attribute__((tls_model("initial-exec")));

void CL_CALLBACK on_destroyed(cl_mem, void* data) {
  auto* const charge = static_cast<Charge*>(data);
  if (releasing_depth == 0) return release(charge);
  charge->chain = ended;
  ended = charge;
}

}  // namespace

std::uint64_t rounded(std::uint64_t bytes) {
  const std::uint64_t up = bytes + (abi::kGranule - 1);
  return up < bytes ? ~(abi::kGranule - 1) : up & ~(abi::kGranule - 1);
}

Charge* reserve(const ContextRecord& context, std::uint64_t bytes) {
  const std::uint64_t counted = rounded(bytes);
  // Of no device that is granted now: made before a fork, and the grant is over or out of reach.
  if (context.slices == 0) return nullptr;
  if (!reserve_slices(context.slices, counted)) return nullptr;
  Charge* const charge = g_charges.take();
  if (charge == nullptr) {
    release_slices(context.slices, counted);
    return nullptr;
  }
  charge->epoch = session()->epoch;
  charge->slices = context.slices;
  charge->bytes = counted;
  return charge;
}

bool may_try_again(const Charge& charge, cl_int status, unsigned attempt) {
  const bool full = status == CL_MEM_OBJECT_ALLOCATION_FAILURE || status == CL_OUT_OF_RESOURCES ||
                    status == CL_OUT_OF_HOST_MEMORY;
  if (!full || callback_depth != 0) return false;
  bool any = false;
  for (std::uint32_t rest = charge.slices; rest != 0; rest &= rest - 1)
    any = tenant()->make_room(static_cast<unsigned>(__builtin_ctz(rest)), charge.bytes, attempt) ||
          any;
  return any;
}

void release(Charge* charge) {
  if (charge->epoch == session()->epoch) release_slices(charge->slices, charge->bytes);
  g_charges.give(charge);
}

Releasing::Releasing() { ++releasing_depth; }

Releasing::~Releasing() {
  if (--releasing_depth != 0) return;
  while (ended != nullptr) {
    Charge* const charge = ended;
    ended = charge->chain;
    release(charge);
  }
}

bool settle(Charge* charge, std::uint64_t bytes) {
  const std::uint64_t counted = rounded(bytes);
  if (counted > charge->bytes && !reserve_slices(charge->slices, counted - charge->bytes))
    return false;
  if (counted < charge->bytes) release_slices(charge->slices, charge->bytes - counted);
  charge->bytes = counted;
  return true;
}

bool bind(const Driver& next, cl_mem object, Charge* charge) {
  return next.clSetMemObjectDestructorCallback != nullptr &&
         next.clSetMemObjectDestructorCallback(object, on_destroyed, charge) == CL_SUCCESS;
}

}  // namespace melon::shim
