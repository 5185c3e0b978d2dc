// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "vendors/node_settings.h"
#include "vendors/registration_rule.h"
#include "vendors/selection_rule.h"
#include "vendors/words.h"

namespace melon::vendors {

/// What a resource name in a container's limits means.
enum class Resource { kCount, kMemory, kMemoryPercentage, kCompute, kPriority };

/// The names by which a cluster's resource lists ask for this backend's devices. Empty: not
/// offered.
struct ResourceNames {
  std::string count = {};
  std::string memory = {};             // units of MemoryRule::unit_mib
  std::string memory_percentage = {};  // of a device
  std::string compute = {};            // units of ComputeRule
  std::string priority = {};

  const std::string& of(Resource resource) const;
  bool operator==(const ResourceNames&) const = default;
};

/// A historic resource name, and what it says today.
struct Alias {
  std::string name = {};
  Resource stands_for = Resource::kCount;
  std::int64_t unit_mib = 0;  // of the historic name, for memory; 0: as the current one

  bool operator==(const Alias&) const = default;
};

/// How an amount of memory becomes one that the vendor can slice: up to a template, up to a tier,
/// not at all (legal), when a device is chosen (profile; slots: even parts of the device).
enum class Rounding { kNone, kTemplate, kTier, kLegal, kProfile, kSlots };

/// What happens to an amount above the largest tier.
enum class Overflow { kReject, kWhole };

/// A slice of fixed size that the vendor's driver knows by name.
struct Template {
  std::string name = {};
  MiB memory = {};
  std::map<std::string, std::int64_t> cost = {};  // dimension -> amount

  bool operator==(const Template&) const = default;
};

struct MemoryRule {
  std::int64_t unit_mib = 1;        // what 1 means in a resource list
  bool suffix_means_bytes = false;  // "500Mi" is bytes, "4" is units
  // Compatible readers take a bare number above this for MiB; others refuse bare numbers. 0:
  // neither.
  std::int64_t ambiguous_above = 0;
  std::int64_t default_percent = 100;  // when no memory is asked for
  std::int64_t default_mib = 0;        // instead of default_percent, when not 0
  bool total_of_devices = false;       // the amount is the sum over the devices of a container
  Rounding rounding = Rounding::kNone;
  std::vector<Template> templates = {};        // kTemplate: smallest first
  MiB whole = {};                              // kTemplate: what a whole device offers
  MiB capacity = {};                           // kTemplate: the most that means "whole"
  std::vector<std::int64_t> tiers_mib = {};    // kTier
  Overflow overflow = Overflow::kReject;       // kTier
  std::vector<std::int64_t> legal_units = {};  // kLegal

  bool operator==(const MemoryRule&) const = default;
};

/// What a number of compute counts.
enum class ComputeUnit {
  kPercent,       // of a device
  kUnits,         // of ComputeRule::units_per_device
  kComputeUnits,  // asked in percent, kept in the device's own compute units, rounded down, least 1
  kCoreMask,      // asked in cores, kept as a mask of the cores taken
};

struct ComputeRule {
  ComputeUnit unit = ComputeUnit::kPercent;
  std::int64_t units_per_device = 100;
  std::int64_t default_units = 0;                   // when no compute is asked for
  std::optional<std::int64_t> without_memory = {};  // instead, when no memory is asked for either
  bool from_memory = false;                         // follows memory: share of units_per_device
  bool strict_range = false;                        // outside 1..units_per_device: refused
  bool total_of_devices = false;
  bool only_in_soft_mode = false;

  bool operator==(const ComputeRule&) const = default;
};

/// What a request of several devices with part of each means.
enum class SeveralSlices {
  kAllowed,
  kRefused,
  kRefusedUnlessCompatible,  // the node cannot realise it; HAMi accepts it all the same
};

struct CountRule {
  std::int64_t inject = 0;  // the count when only other resources are asked for; 0: none
  bool positive = false;    // 0 is refused instead of meaning nothing
  std::vector<std::int64_t> allowed = {};  // empty: any
  bool pairs = false;                      // 1 becomes 2, other odd numbers are refused
  SeveralSlices several_slices = SeveralSlices::kAllowed;
  bool several_are_whole = false;       // more than one: whole devices, written into the limits
  bool several_set_compute = false;     // more than one: compute becomes count x whole device
  std::int64_t whole_memory_units = 0;  // several_are_whole: of one device
  std::string count_annotation = {};    // several_are_whole: receives the count
  bool from_compute = false;            // compute alone: as many devices as that takes
  bool is_slice_size = false;           // the number is the size of one slice, not a count
  bool one_container = false;           // of a pod: what the node reads holds one container only

  bool operator==(const CountRule&) const = default;
};

/// Slicing by software: amounts are not rounded, and compute may be asked for.
struct SoftMode {
  std::string annotation = {};  // of the pod; empty: no such mode
  std::string value = {};
  std::string node_annotation = {};  // "true" on nodes that offer it

  bool operator==(const SoftMode&) const = default;
};

/// A named way to cut a device in hardware.
struct PartitionProfile {
  std::string name = {};
  MiB memory = {};
  std::int64_t compute_units = 0;         // of PartitionTable::compute_units
  std::int64_t slices = 1;                // compute slices that it takes
  std::int64_t size = 1;                  // places that it covers
  std::vector<std::int64_t> starts = {};  // where it may begin
  std::int64_t most = 0;                  // instances on one device; 0: as many as fit

  bool operator==(const PartitionProfile&) const = default;
};

/// How devices of some models can be cut. A model is matched as a whole word sequence.
struct PartitionTable {
  std::vector<std::string> models = {};
  std::int64_t compute_units = 100;  // of the whole device
  std::vector<PartitionProfile> profiles = {};

  bool operator==(const PartitionTable&) const = default;
};

/// What admission writes into pods.
struct AdmissionRule {
  bool whole_is_exclusive = false;  // a count alone, or 100 percent of memory: all compute too
  std::string priority_variable = {};
  std::map<std::string, std::string> environment = {};         // of containers that ask
  std::map<std::string, std::string> hidden_environment = {};  // of containers that do not ask
  std::string runtime_class = {};

  bool operator==(const AdmissionRule&) const = default;
};

/// One way of offering devices: a row of a vendor's descriptor. Everything that admission, fit,
/// score and the annotations of pods need to know about it.
struct Backend {
  std::string word = {};  // "Ascend910B3": in annotations, and the exact type of a device
  ResourceNames resources = {};
  std::vector<Alias> aliases = {};
  MemoryRule memory = {};
  ComputeRule compute = {};
  CountRule count = {};
  AdmissionRule admission = {};
  SoftMode soft_mode = {};
  std::map<std::string, std::int64_t> dimensions = {};  // name -> capacity of one device
  std::vector<PartitionTable> partitions = {};
  std::vector<Registration> registrations = {};  // the first that a node has counts
  Liveness liveness = {};
  AnnotationKeys keys = {};
  SelectorKeys selectors = {};
  Lock lock = {};
  Picker picker = {};
  std::vector<DeviceRule> device_rules = {};
  NodeScore node_score = {};
  std::map<std::string, std::string> fixed_annotations = {};  // of the pod; variables.h
  std::map<std::string, std::string> environment = {};        // of the container; variables.h
  /// By the mode of its devices: instead of `environment`.
  std::map<std::string, std::map<std::string, std::string>> mode_environment = {};
  std::vector<NodeSettings> nodes = {};

  /// The settings of a node; null where it has none.
  const NodeSettings* settings_of(const std::string& node) const;

  bool operator==(const Backend&) const = default;
};

template <>
struct Words<Resource> {
  static constexpr std::string_view kWhat = "resource";
  static constexpr std::array kAll = {
      std::pair{Resource::kCount, std::string_view("count")},
      std::pair{Resource::kMemory, std::string_view("memory")},
      std::pair{Resource::kMemoryPercentage, std::string_view("memory_percentage")},
      std::pair{Resource::kCompute, std::string_view("compute")},
      std::pair{Resource::kPriority, std::string_view("priority")}};
};
template <>
struct Words<Rounding> {
  static constexpr std::string_view kWhat = "rounding";
  static constexpr std::array kAll = {std::pair{Rounding::kNone, std::string_view("none")},
                                      std::pair{Rounding::kTemplate, std::string_view("template")},
                                      std::pair{Rounding::kTier, std::string_view("tier")},
                                      std::pair{Rounding::kLegal, std::string_view("legal")},
                                      std::pair{Rounding::kProfile, std::string_view("profile")},
                                      std::pair{Rounding::kSlots, std::string_view("slots")}};
};
template <>
struct Words<Overflow> {
  static constexpr std::string_view kWhat = "overflow";
  static constexpr std::array kAll = {std::pair{Overflow::kReject, std::string_view("reject")},
                                      std::pair{Overflow::kWhole, std::string_view("whole")}};
};
template <>
struct Words<ComputeUnit> {
  static constexpr std::string_view kWhat = "unit";
  static constexpr std::array kAll = {
      std::pair{ComputeUnit::kPercent, std::string_view("percent")},
      std::pair{ComputeUnit::kUnits, std::string_view("units")},
      std::pair{ComputeUnit::kComputeUnits, std::string_view("compute_units")},
      std::pair{ComputeUnit::kCoreMask, std::string_view("core_mask")}};
};
template <>
struct Words<SeveralSlices> {
  static constexpr std::string_view kWhat = "rule";
  static constexpr std::array kAll = {
      std::pair{SeveralSlices::kAllowed, std::string_view("allowed")},
      std::pair{SeveralSlices::kRefused, std::string_view("refused")},
      std::pair{SeveralSlices::kRefusedUnlessCompatible,
                std::string_view("refused_unless_compatible")}};
};

}  // namespace melon::vendors
