// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/device.h"
#include "core/grant.h"
#include "core/request.h"
#include "placement/engine.h"
#include "placement/refusal.h"

namespace melon::placement {

namespace detail {
struct Selection;
}

/// One machine, placed on by the engine: a cluster of a single node, whose devices are the
/// machine's and whose grants are the daemon's.
///
/// What a daemon is told becomes events about that node: devices come, change and go; grants hold
/// slices and let them go. A request becomes a pod of one container with one demand, its selectors
/// resolved to devices; the answer is the engine's decision, and where there is none, its reasons
/// and its nearest smaller request in the words of a single machine.
///  M1  what is booked on a device is the sum of what held grants have of it (Index::audit()).
///  M2  where a slice goes, the engine decides, by the policy "closest": the device where the least
///      memory stays free, then the least compute, then the first id.
///  M3  what is offered instead of a refusal was asked of the engine, and it placed it.
/// Not thread-safe, not even where it is const: rankings are kept between questions.
class Machine {
 public:
  explicit Machine(Limits limits);

  /// By which slices go where they go. It does not change: a machine has one, whoever was on it
  /// before.
  static const Policy& policy();

  /// Ids are unique. Grants on devices that are gone wait, and count again when those come back.
  void set_devices(std::vector<core::Device> devices);
  const std::vector<core::Device>& devices() const { return devices_; }
  /// Null where there is none of this id.
  const core::Device* find_device(std::string_view id) const;
  /// By id or alias.
  bool knows_device(std::string_view name) const;
  /// Every device with what is booked on it.
  std::vector<DeviceState> states() const;

  /// The grant holds these slices from now on, instead of what it held.
  void hold(const std::string& grant, const Placement& slices);
  /// It holds nothing any more; also where it never did.
  void release(const std::string& grant);

  /// Where the request goes now, or why it fits nowhere; nothing is booked. A whole-device request
  /// needs an empty device; `count` devices are distinct. `device` is an id or an alias; `type` a
  /// vendor's id, a kind or part of a type, in any case. A CPU device is considered only where no
  /// device of another kind matches `device` and `type`. One slice never exceeds its device, also
  /// where the limits overcommit. Devices in `reserved` refuse by the rule "queue". Expects a
  /// request that core::check_request() passes.
  std::variant<Placement, Refusal> place(const core::Request& request,
                                         const std::set<std::string>& reserved = {}) const;
  /// The first half of it, for those who need no reasons.
  std::optional<Placement> find_place(const core::Request& request,
                                      const std::set<std::string>& reserved) const;
  /// place() for a grant that stays where it is: on its own devices alone, whatever their health,
  /// as if it held nothing. What grows nowhere is placed also where those are overbooked, gone or
  /// in `reserved`; what grows is refused there by the rule "queue".
  std::variant<Placement, Refusal> place_again(const core::Grant& grant,
                                               const core::Request& request,
                                               const std::set<std::string>& reserved = {}) const;

  /// Every device that the grant's request could mean, best first, those that refuse it last; as if
  /// the grant held nothing.
  std::vector<Standing> compare(const core::Grant& grant) const;

  /// The ids of all devices that could hold a slice of the request if nothing were booked on them;
  /// a device that is unhealthy or held now may be well again by then, so it counts. Empty when
  /// they are fewer than the request needs: it can never start, so nothing delays it.
  std::vector<std::string> usable_devices(const core::Request& request) const;

 private:
  /// The grant's slices with the request's amounts, where none of them grows.
  std::optional<Placement> keep_place(const core::Grant& grant, const core::Request& request) const;

  class Question;  // a request about some of the devices, under some conditions
  class SetAside;  // holds a grant's slices back while something is asked

  std::vector<const core::Device*> all() const;
  DeviceState state_of(const core::Device& device) const;

  Limits limits_;
  std::vector<core::Device> devices_;
  std::unique_ptr<Engine> now_;   // with every grant
  std::unique_ptr<Engine> idle_;  // the same devices, and never a grant: what could ever fit
};

}  // namespace melon::placement
