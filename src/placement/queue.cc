// SPDX-License-Identifier: Apache-2.0
// First come, first served over devices, with reservation for those who wait.
#include "placement/queue.h"

namespace melon::placement {
namespace {

/// Devices that those who wait keep from those behind them.
class Reservations {
 public:
  explicit Reservations(const Machine& machine, std::span<const Waiter> waiting = {})
      : machine_(machine) {
    for (const Waiter& waiter : waiting) add(waiter.request);
  }

  void add(const core::Request& request) {
    if (!is_full()) ids_.merge(usable_by(request));
  }
  /// Nobody who comes later is placed anywhere.
  bool is_full() const { return ids_.size() == machine_.devices().size(); }
  const std::set<std::string>& ids() const { return ids_; }

 private:
  std::set<std::string> usable_by(const core::Request& request) const {
    const std::vector<std::string> ids = machine_.usable_devices(request);
    return {ids.begin(), ids.end()};
  }

  const Machine& machine_;
  std::set<std::string> ids_ = {};
};

}  // namespace

std::vector<Start> start_waiting(Machine& machine, std::span<const Waiter> waiting) {
  Reservations reserved(machine);
  std::vector<Start> starts;
  for (std::size_t i = 0; i < waiting.size() && !reserved.is_full(); ++i) {
    const Waiter& waiter = waiting[i];
    if (auto placement = machine.find_place(waiter.request, reserved.ids())) {
      machine.hold(waiter.grant, *placement);
      starts.push_back({i, std::move(*placement)});
    } else {
      reserved.add(waiter.request);
    }
  }
  return starts;
}

std::variant<Placement, Refusal> place_behind(const Machine& machine,
                                              std::span<const Waiter> waiting,
                                              const core::Request& request) {
  return machine.place(request, Reservations(machine, waiting).ids());
}

std::variant<Placement, Refusal> place_again_behind(const Machine& machine,
                                                    std::span<const Waiter> waiting,
                                                    const core::Grant& grant,
                                                    const core::Request& request) {
  const bool asks_memory = request.memory != grant.request.memory;
  Reservations reserved(machine);
  for (const Waiter& waiter : waiting)
    if (asks_memory || waiter.request.booked() > Permille(0)) reserved.add(waiter.request);
  return machine.place_again(grant, request, reserved.ids());
}

}  // namespace melon::placement
