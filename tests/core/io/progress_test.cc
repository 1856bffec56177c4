#include "core/io/progress.h"

#include <sstream>

#include "gtest/gtest.h"

namespace adjoint::io {
namespace {

TEST(ProgressMeterTest, OnATerminal) {
  std::ostringstream out;
  double now = 5;
  {
    ProgressMeter meter({.out = &out, .in_place = true, .now = [&] { return now; }});
    meter.Update("Downloading x", 0, 17'500'000);
    now = 5.05;
    meter.Update("Downloading x", 1'000'000, 17'500'000);  // too soon
    now = 7;
    meter.Update("Downloading x", 7'000'000, 17'500'000);
    now = 7.01;
    meter.Update("Downloading x", 17'500'000, 17'500'000);
    meter.Update("Downloading y", 2'000'000, 0);
  }
  EXPECT_EQ(out.str(),
            "Downloading x"
            "\rDownloading x  0.0 of 17.5 MB (0 %)"
            "\rDownloading x  7.0 of 17.5 MB (40 %), 0:03 left"
            "\rDownloading x  17.5 of 17.5 MB (100 %)         \n"
            "Downloading y"
            "\rDownloading y  2.0 MB\n");
}

TEST(ProgressMeterTest, ElsewhereALineForEachThing) {
  std::ostringstream out;
  {
    ProgressMeter meter({.out = &out, .now = [] { return 0.0; }});
    meter.Update("Downloading x", 0, 10);
    meter.Update("Downloading x", 10, 10);
    meter.Update("Downloading y", 0, 10);
  }
  EXPECT_EQ(out.str(), "Downloading x\nDownloading y\n");
}

TEST(ProgressMeterTest, ItemsAndLongTimes) {
  std::ostringstream out;
  double now = 0;
  ProgressMeter meter(
      {.out = &out, .in_place = true, .unit = ProgressMeter::Unit::kItems, .now = [&] {
         return now;
       }});
  meter.Update("Reading", 0, 50'000);
  out.str("");
  now = 72;
  meter.Update("Reading", 500, 50'000);
  EXPECT_EQ(out.str(), "\rReading  500 of 50,000 (1 %), 1:58:48 left");
}

}  // namespace
}  // namespace adjoint::io
