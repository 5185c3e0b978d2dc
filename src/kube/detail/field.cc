// SPDX-License-Identifier: Apache-2.0
// Reads the fields of objects, and says which one is not as it should be.
#include "kube/detail/field.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace melon::kube::detail {
namespace {

using Json = nlohmann::json;

std::string below(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

}  // namespace

bool Field::is(bool has_type, std::string_view expected) const {
  if (value_ == nullptr) return false;
  if (!has_type) refuse(fmt::format("expected {}, found {}", expected, value_->type_name()));
  return has_type;
}

void Field::refuse(std::string rule) const {
  if (!*problem_) *problem_ = Problem{.path = path_, .rule = std::move(rule)};
}

Field Field::at(const char* key) const {
  std::string path = below(path_, key);
  if (!is(value_ != nullptr && value_->is_object(), "an object"))
    return {nullptr, std::move(path), problem_};
  const auto found = value_->find(key);
  const bool is_there = found != value_->end() && !found->is_null();
  return {is_there ? &*found : nullptr, std::move(path), problem_};
}

std::size_t Field::size() const { return value_ == nullptr ? 0 : value_->size(); }

std::string Field::text() const {
  return is(value_ != nullptr && value_->is_string(), "a text") ? value_->get<std::string>() : "";
}

std::string Field::amount() const {
  const bool has_type = value_ != nullptr && (value_->is_string() || value_->is_number());
  if (!is(has_type, "an amount")) return {};
  return value_->is_string() ? value_->get<std::string>() : value_->dump();
}

bool Field::flag() const {
  return is(value_ != nullptr && value_->is_boolean(), "true or false") && value_->get<bool>();
}

std::int64_t Field::whole(std::int64_t least, std::int64_t most) const {
  if (!is(value_ != nullptr && value_->is_number_integer(), "a whole number")) return 0;
  const bool is_large = value_->is_number_unsigned() &&
                        value_->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  const std::int64_t number = is_large ? INT64_MAX : value_->get<std::int64_t>();
  if (!is_large && number >= least && number <= most) return number;
  refuse(fmt::format("{} is not within {} and {}", value_->dump(), least, most));
  return 0;
}

std::map<std::string, std::string> Field::texts() const {
  std::map<std::string, std::string> texts;
  if (!is(value_ != nullptr && value_->is_object(), "an object of texts")) return texts;
  for (const auto& [key, value] : value_->items()) {
    const Field member(value.is_null() ? nullptr : &value, below(path_, key), problem_);
    texts.emplace(key, member.text());
  }
  return texts;
}

std::map<std::string, std::string> Field::amounts() const {
  std::map<std::string, std::string> amounts;
  if (!is(value_ != nullptr && value_->is_object(), "an object of amounts")) return amounts;
  for (const auto& [key, value] : value_->items()) {
    const Field member(value.is_null() ? nullptr : &value, below(path_, key), problem_);
    amounts.emplace(key, member.amount());
  }
  return amounts;
}

std::vector<std::string> Field::text_list() const {
  std::vector<std::string> texts;
  each([&texts](const Field& item) { texts.push_back(item.text()); });
  return texts;
}

void Field::each(const std::function<void(const Field&)>& visit) const {
  if (!is(value_ != nullptr && value_->is_array(), "a list")) return;
  for (std::size_t i = 0; i < value_->size(); ++i)
    visit(Field(&(*value_)[i], fmt::format("{}[{}]", path_, i), problem_));
}

}  // namespace melon::kube::detail
