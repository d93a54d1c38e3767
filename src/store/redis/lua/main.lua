-- Runs what is asked: ARGV is the operation, what it asks as JSON, and blobs. Answers `ok` or how it
-- refuses, the answer or the text, the bells to ring, and the messages to carry.

local answer = ops[ARGV[1]]()
if type(answer) == 'table' and answer.refused then
    return {answer.refused, answer.text, {}, {}}
end
local bells, calls = {}, {}
for bell in pairs(rung) do bells[#bells + 1] = bell end
for bell in pairs(called) do calls[#calls + 1] = bell end
if #calls > 0 then
    redis.call('PUBLISH', A.bell, A.me .. '\n' .. HERE .. '\n' .. table.concat(calls, '\n'))
end
return {'ok', answer or '', bells, carried}
