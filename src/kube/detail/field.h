// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace melon::kube::detail {

/// The first rule that an object breaks, and where.
struct Problem {
  std::string path = {};
  std::string rule = {};
};

/// A value of an object together with the way to it. Reading what is absent gives the empty value;
/// reading what has another type than asked notes a problem and gives the empty value, so that
/// readers are straight lines and look once, at the end. Only the first problem is kept.
class Field {
 public:
  Field(const nlohmann::json& root, std::optional<Problem>& problem)
      : value_(&root), path_(), problem_(&problem) {}

  Field at(const char* key) const;
  bool is_there() const { return value_ != nullptr; }
  std::size_t size() const;  // of an array or object
  const std::string& path() const { return path_; }

  std::string text() const;
  /// A text, or a number as written: resource amounts and label values are both in the field.
  std::string amount() const;
  bool flag() const;
  std::int64_t whole(std::int64_t least, std::int64_t most) const;
  std::map<std::string, std::string> texts() const;
  std::map<std::string, std::string> amounts() const;
  std::vector<std::string> text_list() const;
  void each(const std::function<void(const Field&)>& visit) const;  // of an array

  /// Notes that this field breaks a rule.
  void refuse(std::string rule) const;

 private:
  Field(const nlohmann::json* value, std::string path, std::optional<Problem>* problem)
      : value_(value), path_(std::move(path)), problem_(problem) {}
  bool is(bool has_type, std::string_view expected) const;

  const nlohmann::json* value_;  // null: absent, or null in the text
  std::string path_;
  std::optional<Problem>* problem_;
};

}  // namespace melon::kube::detail
