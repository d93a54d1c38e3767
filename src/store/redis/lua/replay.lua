-- An outcome in place of another: by a replay, or as it knows more now; and who makes the lookups for that.

local function update(id, o, reason)
    local name, first = key('r', id), headline(o)
    redis.call('SET', key('ro', id), blob(1))
    redis.call('HINCRBY', name, 'turn', '1')
    if first then
        redis.call('HDEL', name, 'kind', 'name')
        put(name, first)
    end
    local all = correlations(o, redis.call('HGET', name, 'correlations'))
    if all then redis.call('HSET', name, 'correlations', all) end
    receipt.judge(id, reason)
    count_receipt(id, {finished = A.now})
end

-- Replaces the outcome of a receipt and adds what is new.
function ops.replay()
    local row = hash(key('r', A.id))
    if not row then return refuse('missing', 'receipt ' .. A.id) end
    if num(row.turn) ~= A.seen then
        return refuse('conflict', A.id
            .. ' was replayed meanwhile, or its lookups were made: look what came of it first')
    end
    if lacks_words(A.outcome, num(row.at)) then return LACKS_WORDS end
    local taken = known_delivery(A.id, A.outcome)
    if taken then return refuse('conflict', 'the delivery ' .. taken .. ' is known') end
    -- Who makes its lookups makes them for an outcome that is no more.
    end_loan('deferred', A.id)
    local reason = replace(row, complete(A.outcome), A.now)
    redis.call('HINCRBY', key('r', A.id), 'replays', 1)
    update(A.id, A.outcome, reason)
    if A.outcome.deferred then deferral.set(A.id, T, 0) else deferral.set(A.id, nil) end
    if reason then notice.failed(A.id, reason, A.now) end
end

-- The same with an outcome that knows more, which is no replay.
function ops.resolve()
    local row = hash(key('r', A.id))
    if not row then return refuse('missing', 'receipt ' .. A.id) end
    local known = loan_of('deferred', A.id)
    if not row.lookups or num(row.turn) ~= A.seen or not known or known.token ~= A.token then
        return refuse('lost', A.id)
    end
    if lacks_words(A.outcome, num(row.at)) then return LACKS_WORDS end
    local taken = known_delivery(A.id, A.outcome)
    if taken then return refuse('conflict', 'the delivery ' .. taken .. ' is known') end
    end_loan('deferred', A.id)
    local reason = replace(row, complete(A.outcome), A.now)
    update(A.id, A.outcome, reason)
    local at = A.outcome.deferred and due(A.again) or nil
    deferral.set(A.id, at, num(row.tried) + 1)
    -- A failure that stood there before was told.
    if reason and not (row.state == 'failed' and row.reason == reason) then
        notice.failed(A.id, reason, A.now)
    end
end

-- Receipts whose lookups are due: at most so many as marked ids, each with when it is due, the oldest due
-- first; and when to ask again.
local function due_lookups(limit)
    local over, first_end = loans_over('deferred')
    for _, id in ipairs(over) do deferral.refresh(id) end
    hush()
    local found, next_due = due_of(key('deferred'), limit)
    return found, earlier(first_end, next_due)
end

-- When those are due that are due by now; then when to ask again.
function ops.deferring()
    local found, next_due = due_lookups(A.limit)
    for i, one in ipairs(found) do found[i] = {told(one.due), one.member} end
    return {found, told(next_due)}
end

-- Leases receipts whose lookups are due: when that was, the mark, the id and the token of each; then when
-- to ask again.
function ops.deferred()
    local found, next_due = due_lookups(A.limit)
    for i, one in ipairs(found) do
        redis.call('ZREM', one.set, one.member)
        found[i] = {told(one.due), one.member, one.id, lend_one('deferred', one.id)}
    end
    return {found, told(next_due)}
end
