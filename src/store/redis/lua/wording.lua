-- How refusals of routes are told, once for all outcomes under the same rules.
--
-- words        HASH: packed, by id
-- words_used   ZSET: their ids; no outcome of a receipt that was received more than A.used_for later refers to
--              one

-- The answer to who has to bring something first; nothing was done.
local LACKS_WORDS = 'lacks words'

-- Whether one that an outcome of a receipt of this instant refers to has to be brought first.
local function lacks_words(o, at)
    for _, id in ipairs(o.words or {}) do
        local used = tonumber(redis.call('ZSCORE', key('words_used'), id) or nil)
        if not used or at > used + o.used_for then return true end
    end
    return false
end

-- Keeps one for a receipt that was received at A.at, or, without that, for one that is here.
function ops.word()
    local at = A.at or num(redis.call('HGET', key('r', A.receipt), 'at'))
    local used = tonumber(redis.call('ZSCORE', key('words_used'), A.id) or nil)
    redis.call('HSET', key('words'), A.id, blob(1))
    redis.call('ZADD', key('words_used'), int(math.max(at, used or at)), A.id)
end

function ops.words()
    return redis.call('HGET', key('words'), A.id) or ''
end

-- Forgets those that no receipt refers to; how many.
function ops.forget_words()
    local first
    for _, source in ipairs(receipt.sources()) do first = earlier(first, first_score(key('of', source))) end
    local upto = int((first or A.now) - A.used_for)
    return forget_upto('words_used', 'words', '(' .. upto)
end
