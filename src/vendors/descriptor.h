// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/device.h"
#include "vendors/backend.h"

namespace melon::vendors {

/// How devices of a vendor are found on this machine. Each value is one discovery in devlib; kNone:
/// they are known in clusters only, where a node agent announces them.
enum class Discovery { kNone, kOpencl, kNvml };

/// What sort of device it is, in the classes of OpenCL.
enum class Kind { kCpu, kGpu, kAccelerator };

/// A vendor, as data. Read from YAML by the config module; nothing else in the source says what is
/// particular to one vendor.
struct Descriptor {
  std::string id = {};     // "nvidia": what people type; [a-z0-9-]
  std::string title = {};  // "NVIDIA GPUs"
  Discovery discovery = Discovery::kOpencl;
  std::vector<std::string> libraries = {};  // what discovery loads: the first that is there
  std::vector<Kind> kinds = {};             // which of the devices found are taken
  core::Enforcement enforcement = core::Enforcement::kNone;
  /// Patterns (* and ?) of file names. A process that has one of them mapped is on a device of this
  /// vendor, whoever started it.
  std::vector<std::string> process_libraries = {};
  std::vector<std::string> device_nodes = {};           // patterns of paths below /dev
  std::map<std::string, std::string> environment = {};  // for a grant's processes; variables.h
  std::vector<Backend> backends = {};                   // the ways of offering devices to a cluster
  std::string source = {};                              // the file that said so

  bool operator==(const Descriptor&) const = default;
};

/// A rule that a set of descriptors breaks.
struct Violation {
  std::size_t descriptor = 0;          // position in the set
  std::vector<std::string> path = {};  // as in YAML; positions of lists count from 0
  std::string message = {};
  std::string remedy = {};

  std::string field() const;  // "backends.0.resources.memory"
};

/// Checks each descriptor and the set: ids, words and resource names are unique over all of them,
/// templates of slices cost known dimensions and fit a device, pickers have what they need,
/// templates of text use known variables, an enforced vendor can be recognised in a process.
/// Empty: all is well.
std::vector<Violation> check(std::span<const Descriptor> descriptors);

/// The descriptor of this id, or null.
const Descriptor* find(std::span<const Descriptor> descriptors, std::string_view id);

/// True when the path of a mapped file is one of the vendor's process libraries.
bool is_process_library(const Descriptor& descriptor, std::string_view path);

/// Shell-like match of a whole text: * is any run of characters, ? any one.
bool matches_pattern(std::string_view pattern, std::string_view text);

template <>
struct Words<Discovery> {
  static constexpr std::string_view kWhat = "discovery";
  static constexpr std::array kAll = {std::pair{Discovery::kNone, std::string_view("none")},
                                      std::pair{Discovery::kOpencl, std::string_view("opencl")},
                                      std::pair{Discovery::kNvml, std::string_view("nvml")}};
};
template <>
struct Words<Kind> {
  static constexpr std::string_view kWhat = "kind";
  static constexpr std::array kAll = {
      std::pair{Kind::kCpu, std::string_view("cpu")},
      std::pair{Kind::kGpu, std::string_view("gpu")},
      std::pair{Kind::kAccelerator, std::string_view("accelerator")}};
};

}  // namespace melon::vendors
