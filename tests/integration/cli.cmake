if(TARGET inferometer)
  foreach(name run input bundle store signal isolation scenario doctor compare rerun profile man exec onnx openvino emulator litert runtime inspect lint)
    ifm_add_script(NAME cli_${name} LABEL integration TIMEOUT 300
                   COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/cli_${name}_test.py)
  endforeach()
endif()
