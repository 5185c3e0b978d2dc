// SPDX-License-Identifier: Apache-2.0
// Registrations of nodes: every format, what breaks them, and devices derived from capacity.
#include "annotations/registration.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "annotations/capacity_devices.h"
#include "annotations/pod_devices.h"

namespace melon::annotations {
namespace {

using vendors::CapacityOf;
using vendors::Compatibility;
using vendors::RegistrationFormat;

std::vector<RegisteredDevice> read(RegistrationFormat format, std::string_view text) {
  const auto devices = decode_registration(format, text);
  EXPECT_TRUE(devices) << devices.error().message;
  return devices ? *devices : std::vector<RegisteredDevice>();
}

TEST(Registration, Json) {
  const auto devices = read(
      RegistrationFormat::kJson,
      R"([{"id":"GPU-a","count":10,"devmem":15360,"devcore":100,"type":"NVIDIA-Tesla T4","mode":"hami-core","health":true},)"
      R"({"id":"GPU-b","index":1,"numa":1,"newer":{"x":[1]},"custominfo":{"NetworkID":0,"name":"n"}}])");
  ASSERT_EQ(devices.size(), 2U);
  const RegisteredDevice first{.id = "GPU-a",
                               .slots = 10,
                               .memory = MiB(15360),
                               .compute = 100,
                               .type = "NVIDIA-Tesla T4",
                               .mode = "hami-core",
                               .healthy = true};
  EXPECT_EQ(devices[0], first);
  EXPECT_FALSE(devices[1].healthy) << "Z6: absent health";
  EXPECT_EQ(devices[1].index, 1);
  EXPECT_EQ(devices[1].attributes.at("NetworkID"), "0");
  EXPECT_TRUE(read(RegistrationFormat::kJson, "[]").empty());
  EXPECT_TRUE(read(RegistrationFormat::kJson, "null").empty());
}

TEST(Registration, JsonPartitions) {
  const auto devices = read(
      RegistrationFormat::kJson,
      R"([{"id":"GPU-a","mode":"mig","migProfiles":[{"name":"1g.10gb","memoryMB":9856,"core":15,)"
      R"("sliceCount":1,"placements":[{"start":0,"size":1},{"start":1,"size":1}]}]}])");
  ASSERT_EQ(devices.size(), 1U);
  ASSERT_EQ(devices[0].partitions.profiles.size(), 1U);
  EXPECT_EQ(devices[0].partitions.profiles[0].memory, MiB(9856));
  EXPECT_EQ(devices[0].partitions.profiles[0].starts, (std::vector<std::int64_t>{0, 1}));
}

TEST(Registration, Delimited) {
  const auto seven =
      read(RegistrationFormat::kDelimited,
           "DCU-T6N7,4,65520,100,DCU-K100_AI,0,true:DCU-T6N8,4,65520,100,DCU-K100_AI,1,false:");
  ASSERT_EQ(seven.size(), 2U);
  EXPECT_EQ(seven[0].mode, "hami-core") << "T7, L8";
  EXPECT_EQ(seven[1].index, 1) << "L8";
  EXPECT_EQ(seven[1].numa, 1);
  EXPECT_FALSE(seven[1].healthy);
  const auto nine =
      read(RegistrationFormat::kDelimited, "GPU-1,10,40960,100,NVIDIA-X,0,true,5,mig:");
  EXPECT_EQ(nine[0].index, 5) << "T7";
  EXPECT_EQ(nine[0].mode, "mig") << "T7";
  EXPECT_EQ(read(RegistrationFormat::kJson, "GPU-1,10,40960,100,NVIDIA-X,0,true:").size(), 1U)
      << "2.7 under the key of 2.8";
  EXPECT_EQ(read(RegistrationFormat::kVolcano, "GPU-a,10,15360,NVIDIA-Tesla T4,true,hami-core:")[0]
                .memory,
            MiB(15360));
}

TEST(Registration, VendorsOwnJson) {
  const auto metax = read(
      RegistrationFormat::kMetax,
      R"([{"uuid":"GPU-x","bdf":"0000:0f:00.0","model":"sgpu","totalDevCount":16,"totalCompute":100,)"
      R"("totalVRam":65536,"numa":0,"healthy":true,"qosPolicy":"","linkZone":1}])");
  ASSERT_EQ(metax.size(), 1U);
  EXPECT_EQ(metax[0].attributes.at("linkZone"), "1");
  EXPECT_EQ(metax[0].slots, 16);
  const auto enflame = read(
      RegistrationFormat::kEnflame,
      R"({"devices":[{"index":"0","minor":"3","capacity":6}],"profiles":{"1g.8gb":"0","6g.48gb":"3","2g.16gb":"1"}})");
  ASSERT_EQ(enflame.size(), 1U);
  EXPECT_EQ(enflame[0].memory, MiB(49152));
  EXPECT_EQ(enflame[0].minor, "3");
  EXPECT_EQ(enflame[0].attributes.at("profile.2g.16gb"), "1");
  EXPECT_EQ(enflame[0].partitions.profiles.front().starts.size(), 6U);
  EXPECT_EQ(enflame[0].partitions.compute_units, 6);
}

TEST(Registration, NumaNodesMayBeUnknown) {
  for (const auto& [format, text] :
       {std::pair(RegistrationFormat::kJson, R"([{"id":"a","numa":-1}])"),
        std::pair(RegistrationFormat::kJson, R"([{"id":"a","numa":"-1"}])"),
        std::pair(RegistrationFormat::kDelimited, "a,1,1,1,X,-1,true:"),
        std::pair(RegistrationFormat::kMetax, R"([{"uuid":"a","numa":-1}])")}) {
    const auto devices = read(format, text);
    ASSERT_EQ(devices.size(), 1U) << text;
    EXPECT_EQ(devices[0].numa, -1) << text;
  }
}

TEST(Registration, WhatIsBrokenNamesTheField) {
  struct Case {
    RegistrationFormat format;
    std::string_view text;
    std::string_view names;
  };
  constexpr Case kCases[] = {
      {RegistrationFormat::kDelimited, "GPU-1,10,40960", "':'"},
      {RegistrationFormat::kDelimited, "GPU-1,10,40960,100,X,0,true,1:", "8 fields"},
      {RegistrationFormat::kDelimited, "a,1,1,1,X,0,true:b,1,big,1,X,0,true:", "devmem"},
      {RegistrationFormat::kDelimited, ",1,1,1,X,0,true:", "no id"},
      {RegistrationFormat::kDelimited, "a,1,1,1,X,0,yes:", "health"},
      {RegistrationFormat::kVolcano, "a,1:", "2 fields"},
      {RegistrationFormat::kJson, R"([{"id":"a","devmem":"lots"}])", "[0].devmem"},
      {RegistrationFormat::kJson, R"([{"id":"a"},{"id":"b","devmem":1.5}])", "[1].devmem"},
      {RegistrationFormat::kJson, R"([{"id":"a","devmem":-1}])", "[0].devmem"},
      {RegistrationFormat::kJson, R"([{"id":"a","devmem":18446744073709551616}])", "devmem"},
      {RegistrationFormat::kJson, R"([{"id":7}])", "[0].id"},
      {RegistrationFormat::kJson, R"([{"devmem":1}])", "[0].id"},
      {RegistrationFormat::kJson, R"([{"id":"a","health":"true"}])", "[0].health"},
      {RegistrationFormat::kJson, R"([{"id":"a","custominfo":3}])", "[0].custominfo"},
      {RegistrationFormat::kJson, R"([{"id":"a")", "not JSON"},
      {RegistrationFormat::kJson, "{}", "an object in place of a list"},
      {RegistrationFormat::kJson, R"([{"id":"a,b"}])", "'a,b'"},
      {RegistrationFormat::kJson, R"([{"id":"a:b"}])", "'a:b'"},
      {RegistrationFormat::kJson, R"([{"id":"a;b"}])", "'a;b'"},
      {RegistrationFormat::kJson, R"([{"id":"a[0-1]"}])", "'a[0-1]'"},
      {RegistrationFormat::kJson, R"([{"id":"a\nb"}])", "control character"},
      {RegistrationFormat::kDelimited, "a;b,1,1,1,X,0,true:", "'a;b'"},
      {RegistrationFormat::kMetax, R"([{"uuid":"a,b"}])", "'a,b'"},
      {RegistrationFormat::kJson, R"([{"id":"a","numa":-2}])", "[0].numa"},
      {RegistrationFormat::kMetax, R"({"uuid":"a"})", "no list"},
      {RegistrationFormat::kEnflame, R"({"devices":[]})", "profiles"},
      {RegistrationFormat::kEnflame, R"({"devices":[],"profiles":{"big":"1"}})", "'big'"},
      {RegistrationFormat::kCapacity, "x", "capacity"},
  };
  for (const Case& one : kCases) {
    const auto devices = decode_registration(one.format, one.text);
    ASSERT_FALSE(devices) << one.text;
    EXPECT_NE(devices.error().message.find(one.names), std::string::npos)
        << one.text << ": " << devices.error().message;
    EXPECT_FALSE(devices.error().remedy.empty());
  }
}

TEST(Registration, ScoresAndTables) {
  const auto scores = decode_link_scores(R"([{"uuid":"GPU-a","score":{"GPU-b":50}}])");
  ASSERT_TRUE(scores);
  EXPECT_EQ(scores->at({"GPU-a", "GPU-b"}), 50);
  EXPECT_FALSE(decode_link_scores(R"([{"uuid":"GPU-a","score":{"GPU-b":"x"}}])"));
  const auto table = decode_score_table(R"({"4":30.5})");
  ASSERT_TRUE(table);
  EXPECT_DOUBLE_EQ(table->at(4), 30.5);
  EXPECT_FALSE(decode_score_table(R"({"four":30})"));
}

vendors::Backend cambricon() {
  return {.word = "MLU",
          .resources = {.count = "c/vmlu", .memory = "c/vmemory", .compute = "c/vcore"},
          .memory = {.unit_mib = 256},
          .registrations = {{.format = RegistrationFormat::kCapacity,
                             .devices_from = CapacityOf::kCompute,
                             .per_device = 100,
                             .memory_from = CapacityOf::kMemory,
                             .slots = 100,
                             .id = "{node}-cambricon-mlu-{i}"}}};
}

std::vector<RegisteredDevice> derive(const vendors::Backend& backend,
                                     const std::map<std::string, std::string>& capacity,
                                     Compatibility mode = Compatibility::kNone) {
  const auto devices = derive_devices(backend, backend.registrations[0], "n1", capacity, mode);
  EXPECT_TRUE(devices) << devices.error().message;
  return devices ? *devices : std::vector<RegisteredDevice>();
}

TEST(CapacityDevices, CambriconRows) {
  const auto one = derive(cambricon(), {{"c/vcore", "100"}, {"c/vmemory", "96"}});
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].id, "n1-cambricon-mlu-0") << "C1";
  EXPECT_EQ(one[0].memory, MiB(24576)) << "C1";
  const auto two = derive(cambricon(), {{"c/vcore", "200"}, {"c/vmemory", "192"}});
  ASSERT_EQ(two.size(), 2U) << "C3";
  EXPECT_EQ(two[1].memory, MiB(24576)) << "C3";
  EXPECT_TRUE(derive(cambricon(), {}).empty());
  EXPECT_TRUE(derive(cambricon(), {{"c/vcore", "99"}}).empty());
}

TEST(CapacityDevices, CoresAreBits) {
  vendors::Backend neuron{.resources = {.count = "n/device", .compute = "n/core"},
                          .compute = {.unit = vendors::ComputeUnit::kCoreMask},
                          .registrations = {{.format = RegistrationFormat::kCapacity,
                                             .slots_from = CapacityOf::kCompute,
                                             .most_slots = 2,
                                             .id = "{node}-AWSNeuron-{i}"}}};
  const std::map<std::string, std::string> trn2 = {{"n/device", "2"}, {"n/core", "8"}};
  EXPECT_EQ(derive(neuron, trn2)[0].compute, 15) << "four cores";
  EXPECT_EQ(derive(neuron, trn2, Compatibility::kHami29)[0].compute, 3) << "HAMi knows two";
}

TEST(CapacityDevices, AbsurdCapacityIsRefused) {
  const auto backend = cambricon();
  for (const char* const amount : {"1.5", "-100", "x", "9223372036854775807", "40960001"})
    EXPECT_FALSE(derive_devices(backend, backend.registrations[0], "n", {{"c/vcore", amount}},
                                Compatibility::kNone))
        << amount;
}

std::string word_of_length(std::uint8_t length) { return std::string(length % 20 + 1, 'x'); }

RC_GTEST_PROP(Registration, IdsThatAreTakenComeBackFromPods, ()) {
  const auto letter = rc::gen::oneOf(rc::gen::element(',', ':', ';', '[', ']', '\n', '"', ' '),
                                     rc::gen::inRange('a', 'z'));
  const std::string id = *rc::gen::nonEmpty(rc::gen::container<std::string>(letter));
  const std::vector<RegisteredDevice> devices = {{.id = id, .numa = -1, .healthy = true}};
  const auto taken = decode_registration(RegistrationFormat::kJson,
                                         *encode_registration(RegistrationFormat::kJson, devices));
  RC_ASSERT(taken.has_value() == check_device_id(id).has_value());
  if (!taken) return;
  RC_ASSERT(*taken == devices);
  const PodDevices pod = {{{.uuid = id, .type = "NVIDIA", .memory = MiB(1), .compute = 2}}};
  RC_ASSERT(*decode_pod_devices(encode_pod_devices(pod), Compatibility::kNone) == pod);
}

RC_GTEST_PROP(Registration, DecodeUndoesEncode,
              (std::uint8_t length, std::uint32_t memory, std::uint16_t slots, bool healthy,
               std::uint8_t index)) {
  const std::vector<RegisteredDevice> devices = {{.id = word_of_length(length),
                                                  .index = index,
                                                  .slots = slots,
                                                  .memory = MiB(memory),
                                                  .compute = 100,
                                                  .type = "NVIDIA X",
                                                  .mode = "mig",
                                                  .healthy = healthy}};
  for (const auto format : {RegistrationFormat::kJson, RegistrationFormat::kDelimited})
    RC_ASSERT(*decode_registration(format, *encode_registration(format, devices)) == devices);
}

}  // namespace
}  // namespace melon::annotations
