// SPDX-License-Identifier: Apache-2.0
// Says in words by which rules the devices of a machine refuse a request.
#include "placement/detail/refusal_words.h"

#include <fmt/format.h>

#include <utility>

#include "base/quantity_text.h"

namespace melon::placement::detail {
namespace {

using core::Request;

Rejection shared_too_often(const DeviceState& state, const Limits& limits) {
  return {state.device.id, "grants",
          fmt::format("{} is shared by {} grants, and one device takes no more than {}",
                      state.device.id, state.grants, limits.grants)};
}

Rejection not_empty(const DeviceState& state) {
  return {state.device.id, "whole",
          fmt::format("the whole of {} ({}) is asked for, and {} of it are booked by {} grant{}",
                      state.device.id, to_text(state.device.memory), to_text(state.booked_memory),
                      state.grants, state.grants == 1 ? "" : "s")};
}

Rejection short_of_memory(const DeviceAnswer& answer, const Request& request,
                          const DeviceState& state) {
  const MiB asked = request.memory->on(state.device.memory);
  return {state.device.id, "memory",
          fmt::format("{} of memory are asked for, and {} of {} on {} are free", to_text(asked),
                      to_text(MiB(answer.offered[kMemory])), to_text(state.device.memory),
                      state.device.id)};
}

Rejection short_of_compute(const DeviceAnswer& answer, const Request& request,
                           const DeviceState& state) {
  return {
      state.device.id, "compute",
      fmt::format("{} of compute are asked for, and {} of {} are free", to_text(request.booked()),
                  to_text(Permille(answer.offered[kCompute])), state.device.id)};
}

std::string ids_of(const Selection& selection) {
  std::string ids;
  for (const Candidate& candidate : selection.candidates)
    ids += fmt::format("{}{}", ids.empty() ? "" : ", ", candidate.device->id);
  return ids;
}

}  // namespace

std::vector<Rejection> in_words(const DeviceAnswer& answer, const Request& request,
                                const DeviceState& state, const Limits& limits) {
  std::vector<Rejection> words;
  bool is_said = false;  // that the device is not empty
  for (const Rule rule : answer.rules) {
    if (rule == Rule::kSlots) {
      words.push_back(shared_too_often(state, limits));
    } else if (rule == Rule::kCompute) {
      words.push_back(short_of_compute(answer, request, state));
    } else if (request.memory) {
      words.push_back(short_of_memory(answer, request, state));
    } else if (!std::exchange(is_said, true)) {
      words.push_back(not_empty(state));
    }
  }
  return words;
}

std::optional<Rejection> as_a_whole(const Selection& selection, const Request& request,
                                    std::size_t fitting) {
  if (selection.candidates.empty()) return Rejection{"", "device", "this machine has no device"};
  if (!request.device.empty() && !selection.is_named)
    return Rejection{
        "", "device",
        fmt::format("there is no device '{}'; there are {}", request.device, ids_of(selection))};
  if (!selection.is_matched && request.device.empty())
    return Rejection{"", "type", fmt::format("no device is of type '{}'", request.type)};
  if (request.count > 1)
    return Rejection{"", "count",
                     fmt::format("{} devices are asked for, and the request fits on {}",
                                 request.count, fitting)};
  return std::nullopt;
}

}  // namespace melon::placement::detail
