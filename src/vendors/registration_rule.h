// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "vendors/words.h"

namespace melon::vendors {

/// How a node says which devices it has.
enum class RegistrationFormat {
  kJson,       // array of objects in an annotation; the delimited form is read too
  kDelimited,  // fields with commas, devices with colons
  kVolcano,
  kMetax,
  kEnflame,
  kCapacity,  // no annotation: derived from the node's capacity
};

/// Where one number of a capacity-derived device comes from.
enum class CapacityOf { kNone, kCount, kMemory, kCompute };

struct Registration {
  RegistrationFormat format = RegistrationFormat::kJson;
  std::string annotation = {};  // of the node; empty for kCapacity

  // The rest describes kCapacity.
  CapacityOf devices_from = CapacityOf::kCount;
  std::int64_t per_device = 1;                 // units of devices_from that make one device
  CapacityOf memory_from = CapacityOf::kNone;  // shared evenly by the devices
  std::int64_t memory_mib = 0;                 // of each device, when memory_from is none
  std::int64_t compute = 100;                  // of each device
  std::int64_t slots = 1;                      // of each device
  CapacityOf slots_from = CapacityOf::kNone;   // capacity over the number of devices, instead
  std::int64_t most_slots = 0;                 // bounds slots_from when compatible; 0: nothing
  std::string devices_resource = {};           // counts devices, instead of devices_from
  std::string slots_resource = {};             // its capacity over the devices is slots
  bool upper_half_is_numa_1 = false;
  std::string id =
      {};  // "{node}-metax-{i}"; of other formats too, where devices have a number alone

  bool operator==(const Registration&) const = default;
};

enum class LivenessKind { kNone, kHandshake, kCapacity };

/// How a node's devices are known to be still there.
struct Liveness {
  LivenessKind kind = LivenessKind::kNone;
  std::string annotation = {};             // kHandshake
  std::vector<std::string> historic = {};  // older keys of the same, read only

  bool operator==(const Liveness&) const = default;
};

/// What stands in the type field of a pod's device annotation.
enum class TypeField { kWord, kDeviceType };

/// The annotations of a pod that hold its devices.
struct AnnotationKeys {
  std::string to_allocate = {};  // consumed by the device plugin; empty: not written
  std::string allocated = {};
  std::vector<std::string> historic = {};  // older keys of `allocated`, read only
  TypeField type_field = TypeField::kWord;

  bool operator==(const AnnotationKeys&) const = default;
};

enum class LockKind { kNone, kNode, kTimestamp };

/// What HAMi-compatible plugins hold between bind and start of a container.
struct Lock {
  LockKind kind = LockKind::kNone;
  std::string annotation = {};  // of the node
  std::int64_t expires_seconds = 300;

  bool operator==(const Lock&) const = default;
};

template <>
struct Words<RegistrationFormat> {
  static constexpr std::string_view kWhat = "format";
  static constexpr std::array kAll = {
      std::pair{RegistrationFormat::kJson, std::string_view("json")},
      std::pair{RegistrationFormat::kDelimited, std::string_view("delimited")},
      std::pair{RegistrationFormat::kVolcano, std::string_view("volcano")},
      std::pair{RegistrationFormat::kMetax, std::string_view("metax")},
      std::pair{RegistrationFormat::kEnflame, std::string_view("enflame")},
      std::pair{RegistrationFormat::kCapacity, std::string_view("capacity")}};
};
template <>
struct Words<CapacityOf> {
  static constexpr std::string_view kWhat = "capacity";
  static constexpr std::array kAll = {std::pair{CapacityOf::kNone, std::string_view("none")},
                                      std::pair{CapacityOf::kCount, std::string_view("count")},
                                      std::pair{CapacityOf::kMemory, std::string_view("memory")},
                                      std::pair{CapacityOf::kCompute, std::string_view("compute")}};
};
template <>
struct Words<LivenessKind> {
  static constexpr std::string_view kWhat = "kind";
  static constexpr std::array kAll = {
      std::pair{LivenessKind::kNone, std::string_view("none")},
      std::pair{LivenessKind::kHandshake, std::string_view("handshake")},
      std::pair{LivenessKind::kCapacity, std::string_view("capacity")}};
};
template <>
struct Words<TypeField> {
  static constexpr std::string_view kWhat = "field";
  static constexpr std::array kAll = {
      std::pair{TypeField::kWord, std::string_view("word")},
      std::pair{TypeField::kDeviceType, std::string_view("device_type")}};
};
template <>
struct Words<LockKind> {
  static constexpr std::string_view kWhat = "kind";
  static constexpr std::array kAll = {
      std::pair{LockKind::kNone, std::string_view("none")},
      std::pair{LockKind::kNode, std::string_view("node")},
      std::pair{LockKind::kTimestamp, std::string_view("timestamp")}};
};

}  // namespace melon::vendors
