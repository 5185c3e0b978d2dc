// SPDX-License-Identifier: Apache-2.0
// Decides which devices a request gets, or says by which rule each of them refuses it.
#include "placement/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>

#include "base/quantity_text.h"
#include "placement/detail/fit.h"

namespace melon::placement {
namespace {

using core::Device;
using core::Request;

/// What one more slice may take of a device.
struct Room {
  MiB memory;
  Permille compute;
};

/// A device that every rule but the amounts accepts.
struct Candidate {
  const DeviceState* state;
  Room room;
  MiB memory;  // what the request means on this device
  bool memory_fits;
  bool compute_fits;
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool same_letters(char a, char b) { return lower(a) == lower(b); }

bool matches_type(const Device& device, std::string_view type) {
  if (std::ranges::equal(device.vendor, type, same_letters)) return true;
  if (std::ranges::equal(device.kind, type, same_letters)) return true;
  return std::search(device.type.begin(), device.type.end(), type.begin(), type.end(),
                     same_letters) != device.type.end();
}

bool matches(const Device& device, const Request& request) {
  return (request.device.empty() || is_named(device, request.device)) &&
         (request.type.empty() || matches_type(device, request.type));
}

bool asks_for_whole(const Request& request) { return !request.memory.has_value(); }

MiB memory_on(const Device& device, const Request& request) {
  return asks_for_whole(request) ? device.memory : request.memory->on(device.memory);
}

Room room_of(const DeviceState& state, const Limits& limits) {
  const MiB capacity(state.device.memory.count() * limits.memory.count() / kWholeDevice.count());
  const MiB free_memory = std::max(MiB(0), capacity - state.booked_memory);
  const Permille free_compute = std::max(Permille(0), limits.compute - state.booked_compute);
  return {std::min(free_memory, state.device.memory), std::min(free_compute, kWholeDevice)};
}

/// One decision: its inputs, and which devices are left for it.
class Decision {
 public:
  Decision(std::span<const DeviceState> devices, const Request& request, const Limits& limits,
           std::span<const std::string> reserved)
      : devices_(devices), request_(request), limits_(limits), reserved_(reserved) {
    for (const DeviceState& state : devices)
      if (matches(state.device, request)) {
        matched_ = true;
        other_than_cpu_ = other_than_cpu_ || !state.device.is_cpu;
      }
  }

  std::variant<Placement, Refusal> decide() {
    for (const DeviceState& state : devices_) consider(state);
    std::vector<const Candidate*> fitting;
    for (const Candidate& candidate : candidates_)
      if (candidate.memory_fits && candidate.compute_fits) fitting.push_back(&candidate);
    const auto wanted = static_cast<std::size_t>(request_.count);
    if (fitting.size() < wanted) return refuse(fitting.size());
    sort_best_first(fitting);
    Placement placement;
    for (std::size_t i = 0; i < wanted; ++i) placement.push_back(slice_on(*fitting.at(i)));
    return placement;
  }

  std::vector<Standing> standings() {
    for (const DeviceState& state : devices_) consider(state);
    std::vector<const Candidate*> fitting;
    for (const Candidate& candidate : candidates_)
      if (candidate.memory_fits && candidate.compute_fits) fitting.push_back(&candidate);
    sort_best_first(fitting);
    std::vector<Standing> all;
    for (const Candidate* const candidate : fitting)
      all.push_back({.device = candidate->state->device.id,
                     .memory_left = candidate->room.memory - candidate->memory,
                     .compute_left = candidate->room.compute - request_.booked()});
    for (const Rejection& rejection : refusal_.rejections) {
      if (all.empty() || all.back().device != rejection.device)
        all.push_back({.device = rejection.device});
      all.back().rejections.push_back(rejection);
    }
    return all;
  }

  std::vector<std::string> usable() const {
    std::vector<std::string> ids;
    for (const DeviceState& state : devices_)
      if (could_hold(state.device)) ids.push_back(state.device.id);
    if (std::ssize(ids) < request_.count) ids.clear();
    return ids;
  }

 private:
  void reject(const Device& device, std::string_view rule, std::string message) {
    refusal_.rejections.push_back({device.id, std::string(rule), std::move(message)});
  }

  /// The first rule, amounts apart, by which the device refuses the request.
  bool is_selectable(const Device& device) {
    if (!request_.type.empty() && !matches_type(device, request_.type))
      reject(device, "type",
             fmt::format("{} is a {} of vendor {}, not of type '{}'", device.id, device.type,
                         device.vendor, request_.type));
    else if (device.is_cpu && other_than_cpu_)
      reject(device, "cpu",
             fmt::format("{} is a CPU: taken only by --device or --type, or where nothing else is",
                         device.id));
    else if (device.health == core::Health::kHeld)
      reject(device, "held", fmt::format("{} belongs to another daemon", device.id));
    else if (device.health == core::Health::kUnhealthy)
      reject(device, "health", fmt::format("{} is unhealthy: {}", device.id, device.health_reason));
    else if (device.enforcement == core::Enforcement::kNone && !request_.unenforced)
      reject(device, "enforcement",
             fmt::format("nothing enforces limits on {} (vendor {}); --unenforced accepts that",
                         device.id, device.vendor));
    else if (std::ranges::find(reserved_, device.id) != reserved_.end())
      reject(device, "queue",
             fmt::format("{} is kept for a request that has been waiting longer", device.id));
    else
      return true;
    return false;
  }

  void consider(const DeviceState& state) {
    // With a device named, the others are beside the point.
    if (!request_.device.empty() && !is_named(state.device, request_.device)) return;
    if (!is_selectable(state.device)) return;
    if (state.grants >= limits_.grants)
      return reject(state.device, "grants",
                    fmt::format("{} is shared by {} grants, and one device takes no more than {}",
                                state.device.id, state.grants, limits_.grants));
    const Room room = room_of(state, limits_);
    const MiB memory = memory_on(state.device, request_);
    const bool free_for_whole = !asks_for_whole(request_) || state.grants == 0;
    candidates_.push_back({.state = &state,
                           .room = room,
                           .memory = memory,
                           .memory_fits = free_for_whole && memory <= room.memory,
                           .compute_fits = request_.booked() <= room.compute});
    reject_amounts(candidates_.back());
  }

  void sort_best_first(std::vector<const Candidate*>& fitting) const {
    std::ranges::sort(fitting, {}, [this](const Candidate* candidate) {
      return std::tuple(candidate->room.memory - candidate->memory,
                        candidate->room.compute - request_.booked(),
                        std::string_view(candidate->state->device.id));
    });
  }

  void reject_amounts(const Candidate& candidate) {
    const DeviceState& state = *candidate.state;
    const Device& device = state.device;
    if (!candidate.memory_fits && asks_for_whole(request_))
      reject(device, "whole",
             fmt::format("the whole of {} ({}) is asked for, and {} of it are booked by {} grant{}",
                         device.id, to_text(device.memory), to_text(state.booked_memory),
                         state.grants, state.grants == 1 ? "" : "s"));
    else if (!candidate.memory_fits)
      reject(device, "memory",
             fmt::format("{} of memory are asked for, and {} of {} on {} are free",
                         to_text(candidate.memory), to_text(candidate.room.memory),
                         to_text(device.memory), device.id));
    if (!candidate.compute_fits)
      reject(device, "compute",
             fmt::format("{} of compute are asked for, and {} of {} are free",
                         to_text(request_.booked()), to_text(candidate.room.compute), device.id));
  }

  core::Slice slice_on(const Candidate& candidate) const {
    const bool is_hard = request_.share_mode() == core::ShareMode::kHard;
    return {.device = candidate.state->device.id,
            .memory = candidate.memory,
            .compute = request_.booked(),
            .ceiling = is_hard ? request_.booked() : request_.max_compute.value_or(kWholeDevice)};
  }

  Refusal refuse(std::size_t fitting) {
    reject_as_a_whole(fitting);
    offer_one_amount();
    if (!refusal_.memory_that_fits && !refusal_.compute_that_fits) offer_both_amounts();
    refusal_.can_ever_fit = fits_without_grants();
    return std::move(refusal_);
  }

  void reject_as_a_whole(std::size_t fitting) {
    const auto whole = [this](std::string_view rule, std::string message) {
      refusal_.rejections.push_back({"", std::string(rule), std::move(message)});
    };
    if (devices_.empty()) return whole("device", "this machine has no device");
    const bool knows_device = std::ranges::any_of(devices_, [this](const DeviceState& state) {
      return is_named(state.device, request_.device);
    });
    if (!request_.device.empty() && !knows_device)
      return whole("device", fmt::format("there is no device '{}'; there are {}", request_.device,
                                         device_ids()));
    if (!matched_ && request_.device.empty())
      return whole("type", fmt::format("no device is of type '{}'", request_.type));
    if (request_.count > 1)
      whole("count", fmt::format("{} devices are asked for, and the request fits on {}",
                                 request_.count, fitting));
  }

  std::string device_ids() const {
    std::string ids;
    for (const DeviceState& state : devices_)
      ids += fmt::format("{}{}", ids.empty() ? "" : ", ", state.device.id);
    return ids;
  }

  /// The largest amount that `count` devices offer at once; empty if that is nothing.
  template <class Amount, class Offer>
  std::optional<Amount> largest(Offer offer) const {
    std::vector<Amount> amounts;
    for (const Candidate& candidate : candidates_)
      if (const Amount amount = offer(candidate); amount > Amount(0)) amounts.push_back(amount);
    const auto last = static_cast<std::size_t>(request_.count) - 1;
    if (amounts.size() <= last) return std::nullopt;
    std::ranges::sort(amounts, std::greater<>());
    return amounts.at(last);
  }

  bool books_compute() const { return request_.booked() > Permille(0); }

  void offer_one_amount() {
    refusal_.memory_that_fits =
        largest<MiB>([](const Candidate& c) { return c.compute_fits ? c.room.memory : MiB(0); });
    if (books_compute())
      refusal_.compute_that_fits = largest<Permille>(
          [](const Candidate& c) { return c.memory_fits ? c.room.compute : Permille(0); });
  }

  void offer_both_amounts() {
    if (!books_compute()) return;
    const auto memory = largest<MiB>(
        [](const Candidate& c) { return c.room.compute > Permille(0) ? c.room.memory : MiB(0); });
    if (!memory) return;
    refusal_.memory_that_fits = memory;
    refusal_.compute_that_fits = largest<Permille>([memory](const Candidate& c) {
      return c.room.memory >= *memory ? c.room.compute : Permille(0);
    });
    refusal_.together = true;
  }

  /// Whether the device could hold a slice if nothing were booked on it and it were well.
  bool could_hold(const Device& device) const {
    if (!matches(device, request_) || (device.is_cpu && other_than_cpu_)) return false;
    if (device.enforcement == core::Enforcement::kNone && !request_.unenforced) return false;
    DeviceState empty;
    empty.device = device;
    const Room room = room_of(empty, limits_);
    return memory_on(device, request_) <= room.memory && request_.booked() <= room.compute;
  }

  bool fits_without_grants() const {
    return std::ranges::count_if(devices_, [this](const DeviceState& state) {
             return state.device.health == core::Health::kHealthy && could_hold(state.device);
           }) >= request_.count;
  }

  std::span<const DeviceState> devices_;
  const Request& request_;
  const Limits& limits_;
  std::span<const std::string> reserved_;
  bool matched_ = false;         // some device is of the device and type asked for
  bool other_than_cpu_ = false;  // and some of those is no CPU
  std::vector<Candidate> candidates_;
  Refusal refusal_;
};

}  // namespace

bool is_named(const Device& device, std::string_view name) {
  return device.id == name || std::ranges::find(device.aliases, name) != device.aliases.end();
}

namespace detail {

std::variant<Placement, Refusal> place_around(std::span<const DeviceState> devices,
                                              const Request& request, const Limits& limits,
                                              std::span<const std::string> reserved) {
  return Decision(devices, request, limits, reserved).decide();
}

std::vector<std::string> usable_devices(std::span<const DeviceState> devices,
                                        const Request& request, const Limits& limits) {
  return Decision(devices, request, limits, {}).usable();
}

}  // namespace detail

std::variant<Placement, Refusal> place(std::span<const DeviceState> devices, const Request& request,
                                       const Limits& limits) {
  return detail::place_around(devices, request, limits, {});
}

std::vector<Standing> compare(std::span<const DeviceState> devices, const Request& request,
                              const Limits& limits) {
  return Decision(devices, request, limits, {}).standings();
}

}  // namespace melon::placement
