// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "vendors/backend.h"

namespace melon::annotations {

/// A device as its node announces it.
struct RegisteredDevice {
  std::string id = {};
  std::int64_t index = 0;
  std::int64_t slots = 0;
  MiB memory = {};
  std::int64_t compute = 0;
  std::string type = {};
  std::int64_t numa = 0;  // -1: not known
  std::string mode = {};  // "hami-core", "mig", "mps"; empty: not said
  bool healthy = false;   // absent in a JSON registration: not healthy
  std::string vendor = {};
  std::map<std::string, std::string> attributes = {};  // scalars of custominfo, and link zones
  vendors::PartitionTable partitions = {};             // as the node read them; may be empty
  std::string qos = {};
  std::string minor = {};

  bool operator==(const RegisteredDevice&) const = default;
};

/// Whether pods' annotations can name a device of this id: they part their fields with , : ; and
/// the places of a device with [. Errors: kInvalidArgument.
Result<> check_device_id(std::string_view id);

/// Reads a node's registration. The JSON form is known by its bracket, so that kJson reads the
/// delimited form too. Errors: kInvalidArgument naming the device's position and the field.
/// An id that check_device_id() refuses is an error too: no pod could say that it has the device.
Result<std::vector<RegisteredDevice>> decode_registration(vendors::RegistrationFormat format,
                                                          std::string_view text);

/// Writes what decode_registration() reads. Only kJson and kDelimited are written by nodes of ours;
/// the delimited form keeps what it has fields for. Errors: kUnimplemented for other formats.
Result<std::string> encode_registration(vendors::RegistrationFormat format,
                                        const std::vector<RegisteredDevice>& devices);

/// Pair scores of a node: [{"uuid": A, "score": {B: 50}}] as (A, B) -> 50. Errors:
/// kInvalidArgument.
Result<std::map<std::pair<std::string, std::string>, std::int64_t>> decode_link_scores(
    std::string_view text);

/// {"4": 30} as 4 -> 30: what a node's annotation says of that many devices. Errors:
/// kInvalidArgument.
Result<std::map<std::int64_t, double>> decode_score_table(std::string_view text);

}  // namespace melon::annotations
