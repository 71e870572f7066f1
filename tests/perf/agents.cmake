# Figures of the measuring side: the loop's own cost, memory, bytes a sample, the plain Python loop as a peer.
if(TARGET ifm_worker)
  ifm_add_test(NAME loop_bench LABEL perf SOURCES loop_bench.c LIBS ifm_worker ifm_core TIMEOUT 120)
  ifm_add_test(NAME overhead_bench LABEL perf SOURCES overhead_bench.c LIBS ifm_worker ifm_testlib TIMEOUT 600)
  add_executable(codec_report codec_report.c)
  target_link_libraries(codec_report PRIVATE ifm_core m)
  ifm_add_script(NAME rss LABEL perf COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/rss.py)
  ifm_add_script(NAME python_pairs LABEL perf TIMEOUT 900
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/python_pairs.py)
  ifm_add_script(NAME vendor_pairs LABEL perf TIMEOUT 1800
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/vendor_pairs.py --quick)
  ifm_add_script(NAME spread LABEL perf TIMEOUT 900 COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/spread.py)
  ifm_add_script(NAME rerun_stability LABEL perf TIMEOUT 1800
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/rerun_stability.py --quick)
endif()
if(TARGET ifm_worker)
  add_executable(generator_probe generator_probe.c)
  target_link_libraries(generator_probe PRIVATE ifm_worker m)
  set_target_properties(generator_probe PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  ifm_add_script(NAME generator LABEL perf TIMEOUT 900
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/generator_bench.py)
endif()
