// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "vendors/words.h"

namespace melon::vendors {

/// Annotations of a pod by which it constrains its devices. Several keys of one kind all apply.
struct SelectorKeys {
  std::vector<std::string> use_type = {};
  std::vector<std::string> no_use_type = {};
  std::vector<std::string> use_uuid = {};
  std::vector<std::string> no_use_uuid = {};
  std::string numa_bind = {};
  std::string mode = {};       // accepted modes of a device
  std::string qos = {};        // class of compute service; injected with its default
  std::string app_class = {};  // online or offline
  std::string topology = {};   // "true": devices of one link zone
  std::vector<std::string> type_prefixes = {};  // a selector may leave them out

  bool operator==(const SelectorKeys&) const = default;
};

/// How several devices of one container are chosen together. src/placement/pickers has them.
enum class PickerKind {
  kNone,
  kBiggestGroup,  // by Picker::attribute: the group with most candidates, then the next
  kFullPairs,     // only pairs (index / 2) with both free
  kZoneBestFit,   // by attribute: the smallest zone that holds all, else zones smallest first
  kAlignedRun,    // counts of Picker::counts, aligned to the count
  kRingRun,       // a run of neighbours on a ring
  kWings,         // two wings, cross links and quads
  kLinkMatrix,    // the largest sum of pair scores
};

struct Picker {
  PickerKind kind = PickerKind::kNone;
  std::string attribute = {};             // of a device
  std::vector<std::int64_t> counts = {};  // kAlignedRun
  std::int64_t wing_size = 0;             // kWings: devices of one wing; i is linked to i + size
  std::vector<std::vector<std::int64_t>> quads = {};  // kWings: four that may span both wings
  std::string ring_label = {};  // kAlignedRun: nodes whose label has ring_value are kRingRun
  std::string ring_value = {};
  std::string scores_annotation = {};  // kLinkMatrix: of the node

  bool operator==(const Picker&) const = default;
};

/// A further condition on one device, its users and the request.
enum class DeviceRule {
  kSameDevicePerPod,  // all containers of a pod share their devices
  kUniformSlice,      // all slices of a device have one size
  kQosEqual,
  kAppClass,
  kIdleOnly,
  kMemberMutex,  // exclusive requests avoid every device of a group (Picker::attribute) in use
};

enum class NodeScoreKind {
  kNone,
  kGroupShare,       // weight x largest group of the picked devices / picked devices
  kAnnotationTable,  // 2000 - table[n] of the node's annotations
  kBubble,           // by how free wings change
  kLinkZone,         // pairs in one zone; times +-10000
};

struct NodeScore {
  NodeScoreKind kind = NodeScoreKind::kNone;
  std::int64_t weight = 1;
  std::string binpack_annotation = {};  // kAnnotationTable
  std::string spread_annotation = {};

  bool operator==(const NodeScore&) const = default;
};

template <>
struct Words<PickerKind> {
  static constexpr std::string_view kWhat = "picker";
  static constexpr std::array kAll = {
      std::pair{PickerKind::kNone, std::string_view("none")},
      std::pair{PickerKind::kBiggestGroup, std::string_view("biggest_group")},
      std::pair{PickerKind::kFullPairs, std::string_view("full_pairs")},
      std::pair{PickerKind::kZoneBestFit, std::string_view("zone_best_fit")},
      std::pair{PickerKind::kAlignedRun, std::string_view("aligned_run")},
      std::pair{PickerKind::kRingRun, std::string_view("ring_run")},
      std::pair{PickerKind::kWings, std::string_view("wings")},
      std::pair{PickerKind::kLinkMatrix, std::string_view("link_matrix")}};
};
template <>
struct Words<DeviceRule> {
  static constexpr std::string_view kWhat = "rule";
  static constexpr std::array kAll = {
      std::pair{DeviceRule::kSameDevicePerPod, std::string_view("same_device_per_pod")},
      std::pair{DeviceRule::kUniformSlice, std::string_view("uniform_slice")},
      std::pair{DeviceRule::kQosEqual, std::string_view("qos_equal")},
      std::pair{DeviceRule::kAppClass, std::string_view("app_class")},
      std::pair{DeviceRule::kIdleOnly, std::string_view("idle_only")},
      std::pair{DeviceRule::kMemberMutex, std::string_view("member_mutex")}};
};
template <>
struct Words<NodeScoreKind> {
  static constexpr std::string_view kWhat = "score";
  static constexpr std::array kAll = {
      std::pair{NodeScoreKind::kNone, std::string_view("none")},
      std::pair{NodeScoreKind::kGroupShare, std::string_view("group_share")},
      std::pair{NodeScoreKind::kAnnotationTable, std::string_view("annotation_table")},
      std::pair{NodeScoreKind::kBubble, std::string_view("bubble")},
      std::pair{NodeScoreKind::kLinkZone, std::string_view("link_zone")}};
};

}  // namespace melon::vendors
