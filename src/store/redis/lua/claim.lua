-- Taking due heads of free lanes. Costs what it takes, not what waits.

-- Shares the limit between fresh ones and retries; also tells when the first one left behind is due.
local function choose(fresh, again)
    local half = math.ceil(A.limit / 2)
    if A.limit == 1 then half = A.toss end
    local for_again = math.min(#again, A.limit - math.min(half, #fresh), A.retries)
    local for_fresh = math.min(#fresh, A.limit - for_again)
    local chosen = {}
    for i = 1, for_fresh do chosen[#chosen + 1] = fresh[i] end
    for i = 1, for_again do chosen[#chosen + 1] = again[i] end
    table.sort(chosen, function(a, b)
        if a.due ~= b.due then return a.due < b.due end
        return a.member < b.member
    end)
    local left_fresh, left_again = fresh[for_fresh + 1], again[for_again + 1]
    return chosen, earlier(left_fresh and left_fresh.due, left_again and left_again.due)
end

-- Leases what is wanted: the fields of each with its blobs and its token; then, empty where there is none,
-- when the next one is due, when the first of the leases given before ends, and since when attempts fail.
function ops.claim()
    local state = condition.of(A.to)
    local failing = state.failing and int(state.failing) or ''
    if state.paused then return {{}, '', '', failing} end
    lane.take_back(A.to)
    hush()
    local fresh, next_fresh = due_of(key('fresh', A.to), A.limit)
    local again, next_again = due_of(key('again', A.to), A.limit)
    local ends = loan.first_end(kind_of(A.to))
    local chosen, left = choose(fresh, again)
    local leased = {}
    for i, candidate in ipairs(chosen) do
        redis.call('ZREM', candidate.set, candidate.member)
        local row = delivery.row(candidate.id)
        local token = loan.give(kind_of(A.to), slot_of(row), candidate.id)
        local blobs = redis.call('HMGET', key('db', candidate.id), 'content', 'body')
        leased[i] = {redis.call('HGETALL', key('d', candidate.id)), blobs[1], blobs[2], token}
    end
    local next_due = earlier(left, earlier(next_fresh, next_again))
    return {leased, told(next_due), told(ends), failing}
end
