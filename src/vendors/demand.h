// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "vendors/catalogue.h"
#include "vendors/compatibility.h"

namespace melon::vendors {

/// Which devices a pod accepts.
struct Selectors {
  /// One of these, where given; texts as in the annotations, split at commas and trimmed.
  std::vector<std::string> use_types = {};
  std::vector<std::string> no_use_types = {};
  std::vector<std::string> use_uuids = {};
  std::vector<std::string> no_use_uuids = {};
  std::string modes = {};  // as annotated; empty: any
  bool numa_bind = false;
  bool topology = false;

  bool operator==(const Selectors&) const = default;
};

/// True when a device of this type is accepted. By itself: a selector is the whole type or a run of
/// whole words of it ("A100" is in "NVIDIA A100-SXM4", "A10" is not), in any case, with or without
/// the backend's type prefixes. Compatible: any part of the type.
bool accepts_type(const Selectors& selectors, const Backend& backend, std::string_view type,
                  Compatibility mode);

/// True when a device in this mode is accepted.
bool accepts_mode(const Selectors& selectors, std::string_view device_mode, Compatibility mode);

/// True when `text` is one of `words`' runs of whole words, as accepts_type() has it.
bool has_words(std::string_view text, std::string_view words);

enum class Qos { kNone, kBestEffort, kFixedShare, kBurstShare };
enum class AppClass { kNone, kOnline, kOffline };

/// Permission to be spread over the free parts of several devices of one node.
struct Split {
  std::int64_t most_pieces = 1;  // 1: not allowed
  Permille smallest = {};        // piece

  bool operator==(const Split&) const = default;
};

/// What one container asks of one backend's devices. All amounts are per device.
struct Demand {
  BackendId backend = 0;
  std::int64_t count = 1;
  MiB memory = {};                  // 0: memory_percent says it
  std::int64_t memory_percent = 0;  // of the device; 0 with memory 0: none
  std::int64_t compute = 0;         // in ComputeRule::unit as asked; kCoreMask: number of cores
  std::int64_t slots = 1;
  std::map<std::string, std::int64_t> costs = {};  // of Backend::dimensions
  std::string template_name = {};
  bool by_profile = false;          // the smallest profile of the device that holds it
  std::int64_t profile_slices = 0;  // exactly this size, when not 0
  bool by_compute = false;          // asked for in compute alone (ComputeUnit::kCoreMask)
  bool soft = false;                // needs a node of the backend's soft mode
  Selectors selectors = {};
  Qos qos = Qos::kNone;
  AppClass app_class = AppClass::kNone;
  std::optional<std::int64_t> priority = {};
  Split split = {};

  bool operator==(const Demand&) const = default;
};

/// The pod annotation that allows splitting: "4" or "4,100" (pieces, thousandths of a device).
inline constexpr std::string_view kSplitAnnotation = "melon.dev/split";

using Annotations = std::map<std::string, std::string>;

/// Reads what a pod's annotations say about the devices of one backend: selectors, classes, split.
/// Errors: kInvalidArgument naming annotation, rule and remedy.
Result<> read_annotations(const Backend& backend, const Annotations& annotations,
                          Compatibility mode, Demand& demand);

template <>
struct Words<Qos> {
  static constexpr std::string_view kWhat = "class of service";
  static constexpr std::array kAll = {std::pair{Qos::kBestEffort, std::string_view("best-effort")},
                                      std::pair{Qos::kFixedShare, std::string_view("fixed-share")},
                                      std::pair{Qos::kBurstShare, std::string_view("burst-share")}};
};
template <>
struct Words<AppClass> {
  static constexpr std::string_view kWhat = "application class";
  static constexpr std::array kAll = {std::pair{AppClass::kOnline, std::string_view("online")},
                                      std::pair{AppClass::kOffline, std::string_view("offline")}};
};

}  // namespace melon::vendors
