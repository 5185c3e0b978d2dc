// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "placement/detail/node_table.h"
#include "placement/pod_request.h"

namespace melon::placement {

/// A request, prepared for being asked often: what does not matter to where it fits is left out, so
/// that equal requests of different pods are one shape.
class Shape {
 public:
  /// One demand for devices, in the order in which containers start.
  struct Step {
    std::size_t container = 0;
    Role role = Role::kApp;
    DeviceDemand demand = {};
  };

  explicit Shape(const PodRequest& request, std::uint64_t id);

  std::uint64_t id() const { return id_; }
  const PodRequest& request() const { return request_; }
  const HostAmounts& host() const { return host_; }
  const std::map<std::string, std::int64_t>& extended() const { return extended_; }
  const std::vector<Step>& steps() const { return steps_; }
  std::size_t containers() const { return request_.containers.size(); }
  /// At most one demand, by cards that are as good as each other but for their amounts.
  bool is_simple() const { return is_simple_; }
  /// Slices share a quota, and what they take of it is not known before all are chosen.
  bool shares_quota() const { return shares_quota_; }
  /// Asks for labels: what grants do not change.
  bool has_label_rules() const { return !request_.labels.empty() || !request_.affinity.empty(); }
  /// Asks for what is counted by name: further resources, ports.
  bool has_named_amounts() const { return !extended_.empty() || !request_.host_ports.empty(); }

 private:
  std::uint64_t id_;
  PodRequest request_;
  HostAmounts host_ = {};
  std::map<std::string, std::int64_t> extended_ = {};
  std::vector<Step> steps_ = {};
  bool is_simple_ = false;
  bool shares_quota_ = false;
};

/// The request without what does not matter to where it fits: names, namespace, priority.
PodRequest shape_of(PodRequest request);
/// Equal for equal shapes, and for no others.
std::string shape_key(const PodRequest& shape);

}  // namespace melon::placement
