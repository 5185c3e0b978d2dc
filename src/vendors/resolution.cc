// SPDX-License-Identifier: Apache-2.0
// Applies a backend's rules to the amounts of one container.
#include <fmt/format.h>

#include <algorithm>

#include "vendors/detail/amounts.h"

namespace melon::vendors::detail {
namespace {

/// One container's way through the rules of one backend, in their order.
class Resolution {
 public:
  Resolution(const Circumstances& at, Amounts& amounts, Demand demand)
      : at_(at), amounts_(amounts), demand_(std::move(demand)) {
    demand_.backend = at.id;
  }

  Result<std::optional<Demand>> run() {
    const CountRule& rule = at_.backend.count;
    if (rule.is_slice_size) return run_slice();
    if (!amounts_.count && rule.from_compute && amounts_.compute) {
      MELON_RETURN_IF_ERROR(count_from_compute());
      return finish();
    }
    if (!amounts_.count && at_.admitting && rule.inject > 0 && amounts_.any())
      amounts_.count = Amount{rule.inject, at_.backend.resources.count};
    if (!amounts_.count) return std::optional<Demand>();
    if (amounts_.count->value == 0) return no_device();
    MELON_RETURN_IF_ERROR(settle_count());
    fill_in_exclusive();
    MELON_RETURN_IF_ERROR(settle_memory());
    MELON_RETURN_IF_ERROR(settle_compute());
    return finish();
  }

 private:
  bool asks_memory() const {
    return amounts_.memory.has_value() || amounts_.percentage.has_value();
  }

  Result<std::optional<Demand>> no_device() const {
    if (at_.backend.count.positive)
      return refuse(*amounts_.count, "no device is asked for", "ask for at least 1, or for none");
    return std::optional<Demand>();
  }

  Result<> settle_count() {
    const CountRule& rule = at_.backend.count;
    std::int64_t& count = amounts_.count->value;
    asked_count_ = count;
    if (rule.pairs && count == 1) count = 2;
    if (rule.pairs && count % 2 != 0)
      return refuse(*amounts_.count, "devices are given in pairs", "ask for an even number");
    MELON_RETURN_IF_ERROR(check_allowed(count));
    demand_.count = count;
    if (count > 1 && rule.several_are_whole) make_whole(count);
    if (count > 1 && rule.several_set_compute)
      amounts_.compute =
          Amount{at_.backend.compute.units_per_device * count, at_.backend.resources.compute};
    if (demand_.app_class != AppClass::kNone && count > 1)
      return refuse(*amounts_.count, "a pod with an application class has one device",
                    "ask for 1, or remove the class");
    return {};
  }

  Result<> check_allowed(std::int64_t count) const {
    const CountRule& rule = at_.backend.count;
    if (rule.allowed.empty() || std::ranges::find(rule.allowed, count) != rule.allowed.end())
      return {};
    if (is_compatible(at_.mode)) return {};  // HAMi admits it, and finds no node
    std::string allowed;
    for (const std::int64_t one : rule.allowed)
      allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", one);
    return refuse(*amounts_.count, "not one of " + allowed, "ask for one of these numbers");
  }

  void make_whole(std::int64_t count) {
    const ResourceNames& names = at_.backend.resources;
    amounts_.memory = Amount{
        at_.backend.count.whole_memory_units * at_.backend.memory.unit_mib * count, names.memory};
    amounts_.compute = Amount{at_.backend.compute.units_per_device * count, names.compute};
  }

  /// A whole device's memory means its whole compute too.
  void fill_in_exclusive() {
    if (!at_.admitting || !at_.backend.admission.whole_is_exclusive || amounts_.compute) return;
    const bool all = amounts_.percentage && amounts_.percentage->value == 100;
    if (all || !asks_memory())
      amounts_.compute =
          Amount{at_.backend.compute.units_per_device, at_.backend.resources.compute};
  }

  Result<> settle_memory() {
    const MemoryRule& rule = at_.backend.memory;
    if (amounts_.memory && amounts_.memory->value == 0) amounts_.memory.reset();
    const std::int64_t parts = rule.total_of_devices ? demand_.count : 1;
    if (amounts_.memory) {
      demand_.memory = MiB(amounts_.memory->value / parts);
    } else if (amounts_.percentage) {
      demand_.memory_percent = amounts_.percentage->value;
    } else if (rule.default_mib > 0) {
      demand_.memory = MiB(rule.default_mib);
    } else {
      demand_.memory_percent = rule.default_percent;
    }
    const bool part_given = asks_memory();
    if (at_.admitting && !amounts_.memory && rule.rounding == Rounding::kLegal) {
      // The node has no word for "whole": both amounts are written out.
      make_whole(demand_.count);
      demand_.memory = MiB(amounts_.memory->value / parts);
      demand_.memory_percent = 0;
    }
    MELON_RETURN_IF_ERROR(round_memory(at_, amounts_, demand_));
    return check_several(part_given);
  }

  Result<> check_several(bool memory_given) const {
    const CountRule& rule = at_.backend.count;
    if (demand_.count == 1 || rule.several_slices == SeveralSlices::kAllowed || demand_.soft)
      return {};
    if (rule.several_slices == SeveralSlices::kRefusedUnlessCompatible && is_compatible(at_.mode))
      return {};
    const bool is_part = at_.backend.memory.rounding == Rounding::kTemplate
                             ? !demand_.template_name.empty()
                             : memory_given || amounts_.compute.has_value();
    if (!is_part) return {};
    if (rule.pairs)
      return refuse({asked_count_, amounts_.count->name},
                    "devices are given in pairs, and whole; part of their memory is asked for",
                    "leave memory out, or ask for as much as a device has");
    return refuse(*amounts_.count, "its node can give part of one device only",
                  "ask for 1, or for several whole devices: leave memory and compute out");
  }

  Result<> settle_compute() {
    const ComputeRule& rule = at_.backend.compute;
    if (amounts_.compute && rule.only_in_soft_mode && !demand_.soft)
      return refuse(*amounts_.compute, "compute is shared in soft mode only",
                    fmt::format("annotate the pod {}: {}", at_.backend.soft_mode.annotation,
                                at_.backend.soft_mode.value));
    if (rule.from_memory) {
      const MiB largest(at_.backend.memory.tiers_mib.back());
      demand_.compute = demand_.memory.count() == 0
                            ? rule.units_per_device
                            : demand_.memory.count() * rule.units_per_device / largest.count();
      return {};
    }
    const bool bare = !asks_memory() && rule.without_memory.has_value();
    const std::int64_t usual = bare ? *rule.without_memory : rule.default_units;
    const std::int64_t parts = rule.total_of_devices ? demand_.count : 1;
    demand_.compute = amounts_.compute ? amounts_.compute->value / parts : usual;
    const std::int64_t most = rule.units_per_device;
    if (amounts_.compute && rule.strict_range && (demand_.compute < 1 || demand_.compute > most))
      return refuse(*amounts_.compute, fmt::format("not 1 to {}", most),
                    fmt::format("ask for 1 to {}", most));
    if (rule.unit == ComputeUnit::kCoreMask && demand_.compute > most)
      return refuse(*amounts_.compute, fmt::format("a device has {}", most),
                    "ask for cores alone, or for devices alone");
    demand_.compute = std::min(demand_.compute, most);
    if (demand_.app_class == AppClass::kOnline) demand_.compute = 0;
    return {};
  }

  /// Cores alone: those of one device, or several devices in full.
  Result<> count_from_compute() {
    const std::int64_t cores = amounts_.compute->value;
    const std::int64_t per_device = at_.backend.compute.units_per_device;
    if (cores < 1)
      return refuse(*amounts_.compute, "no core is asked for", "ask for at least 1, or for none");
    if (cores > per_device && cores % per_device != 0)
      return refuse(*amounts_.compute,
                    fmt::format("several devices are given in full, {} each", per_device),
                    fmt::format("ask for a multiple of {}", per_device));
    demand_.count = cores <= per_device ? 1 : cores / per_device;
    demand_.compute = cores <= per_device ? cores : per_device;
    demand_.by_compute = true;
    demand_.memory_percent = at_.backend.memory.default_percent;
    return {};
  }

  /// The number is a slice's size; without it memory and compute choose one.
  Result<std::optional<Demand>> run_slice() {
    if (!amounts_.any()) return std::optional<Demand>();
    if (amounts_.count && amounts_.count->value == 0) return no_device();
    demand_.by_profile = true;
    if (amounts_.count) demand_.profile_slices = amounts_.count->value;
    if (amounts_.memory) demand_.memory = MiB(amounts_.memory->value);
    if (amounts_.compute) demand_.compute = amounts_.compute->value;
    return finish();
  }

  Result<std::optional<Demand>> finish() {
    if (amounts_.priority) {
      if (amounts_.priority->value > 1 && !is_compatible(at_.mode))
        return refuse(*amounts_.priority, "not 0 (high) or 1 (low)", "write 0 or 1");
      demand_.priority = amounts_.priority->value;
    }
    return std::optional(std::move(demand_));
  }

  const Circumstances& at_;
  Amounts& amounts_;
  Demand demand_;
  std::int64_t asked_count_ = 0;  // as the pod wrote it
};

}  // namespace

Result<std::optional<Demand>> resolve(const Circumstances& at, Amounts& amounts, Demand demand) {
  return Resolution(at, amounts, std::move(demand)).run();
}

}  // namespace melon::vendors::detail
