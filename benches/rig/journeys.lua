-- For wrk: whole journeys over the control API. Each is started, and its two steps are submitted, one stimulus after the
-- answer to the one before; many are under way at once. What `done` prints is read by parts.py.

local threads = 0
function setup(thread)
  thread:set("mine", threads)
  threads = threads + 1
end

-- Journeys whose next stimulus is due: id and step, in turns. `first` and `last` are the ends of the queue.
local queue, first, last, started = {}, 1, 0, 0
refused = 0

local function post(path, body)
  local head = "POST " .. path .. " HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: "
  return head .. #body .. "\r\n\r\n" .. body
end

function request()
  if first > last then
    started = started + 1
    return post("/api/v1/journeys", '{"flow":"onboarding","reference_no":"r-' .. mine .. "-" .. started .. '"}')
  end
  local id, step = queue[first], queue[first + 1]
  queue[first], queue[first + 1] = nil, nil
  first = first + 2
  return post("/api/v1/journeys/" .. id .. "/stimuli", '{"do":"submit_step","step":"' .. step .. '"}')
end

function response(status, headers, body)
  local step
  if status == 201 then
    step = 1
  elseif status ~= 200 then
    refused = refused + 1
    return
  elseif body:find('"stepId\\":\\"1', 1, true) then
    step = 2
  else
    return
  end
  local _, before = body:find('"flow":"onboarding","id":"', 1, true)
  last = last + 2
  queue[last - 1], queue[last] = body:sub(before + 1, before + 24), step
end

function done(summary, latency, requests)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  io.write(string.format('{"requests":%d,"broken":%d}\n', summary.requests, broken))
end
