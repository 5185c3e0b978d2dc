// SPDX-License-Identifier: Apache-2.0
// Reads JSON item by item: the text of a large list is parsed once, and never held as a tree.
#include "kube/detail/item_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

namespace melon::kube::detail {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostLevels = 64;
constexpr std::array<std::string_view, 4> kNeverMatter = {
    "managedFields", "images", "kubectl.kubernetes.io/last-applied-configuration", "nodeInfo"};

/// Builds one tree at a time. Levels: the root is 1; "items" of the root is 2, its members 3.
class Builder : public nlohmann::json_sax<Json> {
 public:
  /// Leaves out the first `known` objects: they were taken before.
  Builder(const TakeObject& take, std::size_t known) : take_(take), known_(known) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    position_ = position;
    problem_ = error.what();
    constexpr int kNumberOverflow = 406;
    is_number_ = error.id == kNumberOverflow;
    return false;
  }

  std::size_t position() const { return position_; }
  const std::string& problem() const { return problem_; }
  bool too_deep() const { return too_deep_; }
  /// Whether it ended at a number that no double holds.
  bool is_number() const { return is_number_; }
  std::size_t taken() const { return taken_; }
  /// What stands for the items of a list in place of an array; empty where all is well.
  const std::string& wrong_items() const { return wrong_items_; }

 private:
  struct Level {
    Json* value = nullptr;  // null: not kept
    bool is_items = false;  // of the root: its members are given away
  };

  /// Where the value that begins here belongs; null when it is not kept.
  Json* place(Json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    const Level& parent = levels_.back();
    if (parent.is_items) {
      item_ = std::move(value);
      return &item_;
    }
    if (parent.value == nullptr) return nullptr;
    if (parent.value->is_array()) {
      parent.value->push_back(std::move(value));
      return &parent.value->back();
    }
    if (std::ranges::find(kNeverMatter, key_) != kNeverMatter.end()) return nullptr;
    Json& member = (*parent.value)[key_];
    member = std::move(value);
    return &member;
  }

  bool add(Json value) {
    if (place(std::move(value)) == &item_) give_away_item();
    return true;
  }

  bool open(Json empty) {
    if (levels_.size() >= kMostLevels) {
      too_deep_ = true;
      return false;
    }
    const bool is_items =
        levels_.size() == 1 && root_.is_object() && empty.is_array() && key_ == "items";
    levels_.push_back({.value = place(std::move(empty)), .is_items = is_items});
    if (is_items) has_items_ = true;
    return true;
  }

  bool close() {
    const Level closed = levels_.back();
    levels_.pop_back();
    if (closed.value == &item_) give_away_item();
    if (levels_.empty() && !has_items_) give_away_root();
    return wrong_items_.empty();
  }

  void give_away(const Json& object, const std::string& list_kind) {
    if (++taken_ > known_) take_(object, list_kind);
  }

  void give_away_item() {
    give_away(item_, root_kind());
    item_ = nullptr;
  }

  void give_away_root() {
    const bool is_list = root_.is_object() && root_kind().ends_with("List");
    const auto items = is_list ? root_.find("items") : root_.end();
    if (is_list && items != root_.end() && !items->is_null()) {
      wrong_items_ = items->type_name();
      return;
    }
    give_away(root_, {});
  }

  std::string root_kind() const {
    const auto kind = root_.find("kind");
    return kind != root_.end() && kind->is_string() ? kind->get<std::string>() : "";
  }

  const TakeObject& take_;
  std::size_t known_;
  std::size_t taken_ = 0;
  bool is_number_ = false;
  std::string wrong_items_ = {};
  Json root_ = {};
  Json item_ = {};
  std::vector<Level> levels_ = {};
  std::string key_ = {};
  bool has_items_ = false;
  bool too_deep_ = false;
  std::size_t position_ = 0;
  std::string problem_ = {};
};

std::ptrdiff_t line_at(std::string_view text, std::size_t position) {
  const std::string_view before = text.substr(0, std::min(position, text.size()));
  return std::ranges::count(before, '\n') + 1;
}

/// The library's sentence without its own numbering: "[json.exception...] parse error at ...: X".
std::string_view sentence(std::string_view problem) {
  const std::size_t at = problem.find(": ");
  return at == std::string_view::npos ? problem : problem.substr(at + 2);
}

/// Where the token that begins at `at` ends.
std::size_t token_end(std::string_view json, std::size_t at) {
  constexpr std::string_view kParting = " \t\r\n,:[]{}";
  if (kParting.find(json[at]) != std::string_view::npos) return at + 1;
  if (json[at] != '"') return std::min(json.find_first_of(kParting, at), json.size());
  for (++at; at < json.size() && json[at] != '"'; ++at)
    if (json[at] == '\\') ++at;
  return std::min(at + 1, json.size());
}

/// The same text, but numbers that no double holds are texts: whoever reads the field names it.
std::string with_numbers_quoted(std::string_view json) {
  std::string text;
  for (std::size_t at = 0; at < json.size();) {
    const std::size_t end = token_end(json, at);
    const std::string token(json.substr(at, end - at));
    const bool is_number = token.front() == '-' || (token.front() >= '0' && token.front() <= '9');
    const bool is_beyond = is_number && std::isinf(std::strtod(token.c_str(), nullptr));
    text += is_beyond ? fmt::format("\"{}\"", token) : token;
    at = end;
  }
  return text;
}

Result<> fail_at_end_of(const Builder& builder, const std::string& origin, std::string_view json) {
  if (builder.too_deep())
    return fail(Code::kInvalidArgument,
                fmt::format("{}: nested more than {} deep", origin, kMostLevels),
                "no object of Kubernetes is; check where the text comes from");
  if (!builder.wrong_items().empty())
    return fail(Code::kInvalidArgument,
                fmt::format("{}: items: expected a list, found {}", origin, builder.wrong_items()),
                "print the objects again with kubectl get -o json");
  return fail(Code::kInvalidArgument,
              fmt::format("{}:{}: not JSON: {}", origin, line_at(json, builder.position()),
                          sentence(builder.problem())),
              "check that the file is whole: it should end with the bracket that it begins with");
}

}  // namespace

Result<> read_items(const std::string& origin, std::string_view json, const TakeObject& take) {
  Builder builder(take, 0);
  if (Json::sax_parse(json, &builder)) return {};
  if (!builder.is_number()) return fail_at_end_of(builder, origin, json);
  const std::string quoted = with_numbers_quoted(json);
  Builder rest(take, builder.taken());
  if (Json::sax_parse(quoted, &rest)) return {};
  return fail_at_end_of(rest, origin, quoted);
}

}  // namespace melon::kube::detail
